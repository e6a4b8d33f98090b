import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { destroyAll } from "./tls-front.ts";

const names = ["http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"];

/** Sets the proxies of this process's environment until the end of the test; what is not given is unset. */
export function setProxies(context: TestContext, values: Readonly<Record<string, string>>): void {
  const before = names.map((name) => [name, process.env[name]] as const);
  for (const name of names) delete process.env[name];
  Object.assign(process.env, values);
  context.after(() => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });
}

/** How a proxy behaves. */
export interface NetworkProxyOptions {
  /** Where plain requests go, whatever host they name. */
  readonly plain?: number;
  /** Where a tunnel leads, by its target. */
  readonly tunnel?: (target: string) => number;
  /** What it wants as `Proxy-Authorization`. */
  readonly authorization?: string;
  /** It answers everything with this status. */
  readonly refusal?: number;
}

/** A proxy on loopback that takes every host for this machine; keeps what it was asked. */
export async function startNetworkProxy(context: TestContext, options: NetworkProxyOptions) {
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  const refusalOf = (authorization: string | undefined) =>
    options.refusal ?? (authorization === options.authorization ? null : 407);

  const proxy = createServer((request, response) => {
    asked.push(`${request.method} ${request.url} ${request.headers.authorization ?? "-"}`);
    const refusal = refusalOf(request.headers["proxy-authorization"]);
    if (refusal !== null) {
      response.writeHead(refusal).end();
      return;
    }
    const { pathname, search } = new URL(request.url ?? "");
    fetch(`http://127.0.0.1:${options.plain}${pathname}${search}`, { method: request.method ?? "GET" })
      .then(async (answer) => {
        const challenge = answer.headers.get("www-authenticate");
        if (challenge !== null) response.setHeader("www-authenticate", challenge);
        response.writeHead(answer.status).end(Buffer.from(await answer.arrayBuffer()));
      })
      .catch(() => response.destroy());
  });
  proxy.on("connect", (request, socket: Socket) => {
    const target = request.url ?? "";
    asked.push(`CONNECT ${target}`);
    sockets.add(socket);
    socket.on("error", () => undefined);
    const refusal = refusalOf(request.headers["proxy-authorization"]);
    if (refusal !== null) {
      socket.end(`HTTP/1.1 ${refusal} Refused\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    const upstream = connect(options.tunnel?.(target) ?? 0, "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      upstream.pipe(socket).pipe(upstream);
    });
    sockets.add(upstream);
    upstream.on("error", () => undefined);
    for (const one of [socket, upstream]) one.on("close", () => destroyAll([socket, upstream]));
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  context.after(() => {
    proxy.close();
    proxy.closeAllConnections();
    destroyAll(sockets);
  });
  const host = `127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  return { asked, host, url: `http://${host}` };
}
