import { Socket } from "node:net";
import type { Agent as AgentType, buildConnector as Connectors, Dispatcher } from "undici";
import { formatHostPort } from "../../lib/net.ts";
import { Agent, buildConnector, Pool } from "../../lib/undici.ts";
import { errorCode } from "../oci/error-code.ts";
import type { HttpProxy } from "./proxy-environment.ts";

/** The proxy, and not what is behind it, is at fault. The text names it without its credentials. */
export class ProxyError extends Error {
  /** Whether another try may help. */
  readonly again: boolean;

  constructor(proxy: HttpProxy, what: string, again: boolean) {
    super(`the proxy ${proxy.host} ${what}`);
    this.again = again;
  }
}

/** What a proxy's refusal means. */
export function proxyRefusal(proxy: HttpProxy, status: number, target: string): ProxyError {
  if (status === 407) {
    const what = proxy.authorization === null ? "wants a name and a password" : "refuses its name and password";
    return new ProxyError(proxy, `${what} (407)`, false);
  }
  return new ProxyError(proxy, `answers ${status} to a request for a connection to ${target}`, status >= 500);
}

export interface ProxyConnectionsOptions {
  readonly proxy: HttpProxy;
  /** Of the agents, but for `connect`. */
  readonly agent: Omit<AgentType.Options, "connect">;
  /** TLS to what is behind the proxy. */
  readonly connect: Connectors.BuildOptions;
  /** TLS to the proxy itself. */
  readonly proxyConnect: Connectors.BuildOptions;
  readonly connectTimeoutMs: number;
}

/** Connections through one proxy. */
export interface ProxyConnections {
  /** How to send a request for `url`: by a tunnel to https, in absolute form to plain http (RFC 9112, section 3.2.2). */
  route(url: URL): Route;
  close(): Promise<void>;
  destroy(): Promise<void>;
}

/** Where the bytes of a request go. */
export interface Route {
  readonly dispatcher: Dispatcher;
  readonly origin: string;
  /** Request target. */
  readonly path: string;
  /** Besides the request's own. */
  readonly headers: Readonly<Record<string, string>>;
  readonly proxy: HttpProxy | null;
}

/** Undici's own agent for proxies reports what the proxy does as if the registry had done it. */
export function openProxyConnections(options: ProxyConnectionsOptions): ProxyConnections {
  const { proxy, agent, proxyConnect, connectTimeoutMs } = options;
  const headers: Record<string, string> =
    proxy.authorization === null ? {} : { "proxy-authorization": proxy.authorization };
  const toProxy = buildConnector({ ...proxyConnect, allowH2: false });
  const beyond = buildConnector({ ...options.connect, allowH2: false });

  const reachProxy: Connectors.connector = (target, callback) =>
    toProxy(target, (error, socket) => {
      if (error === null) callback(null, socket);
      else callback(new ProxyError(proxy, `cannot be reached (${errorCode(error)})`, true), null);
    });

  const plain = new Agent({ ...agent, connect: reachProxy });
  const tunnels = new Pool(proxy.origin, { connect: reachProxy, headersTimeout: connectTimeoutMs });

  async function openTunnel(target: string): Promise<Socket> {
    try {
      const { socket, statusCode } = await tunnels.connect({ path: target, headers: { host: target, ...headers } });
      if (statusCode >= 200 && statusCode < 300 && socket instanceof Socket) return socket;
      socket.on("error", () => undefined).destroy();
      throw proxyRefusal(proxy, statusCode, target);
    } catch (error) {
      if (error instanceof ProxyError) throw error;
      const code = errorCode(error);
      const what = code === "UND_ERR_HEADERS_TIMEOUT" ? "does not answer" : "breaks off";
      throw new ProxyError(proxy, `${what} a request for a connection to ${target} (${code})`, true);
    }
  }

  const secure = new Agent({
    ...agent,
    connect(target, callback) {
      openTunnel(formatHostPort({ host: target.hostname, port: Number(target.port || 443) })).then(
        (socket) => beyond({ ...target, httpSocket: socket }, callback),
        (error: unknown) => callback(error instanceof Error ? error : new Error("no tunnel"), null),
      );
    },
  });

  return {
    route(url) {
      const path = `${url.pathname}${url.search}`;
      if (url.protocol === "https:") return { dispatcher: secure, origin: url.origin, path, headers: {}, proxy };
      const absolute = `${url.origin}${path}`;
      return {
        dispatcher: plain,
        origin: proxy.origin,
        path: absolute,
        headers: { host: url.host, ...headers },
        proxy,
      };
    },
    async close() {
      await Promise.all([secure.close(), plain.close(), tunnels.close()]);
    },
    async destroy() {
      await Promise.all([secure.destroy(), plain.destroy(), tunnels.destroy()]);
    },
  };
}
