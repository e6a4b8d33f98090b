import { stat } from "node:fs/promises";
import { getCACertificates } from "node:tls";
import { RegistryUnavailableError } from "../../domain/errors.ts";
import { readRegularFile } from "../../lib/bytes.ts";
import { classOfHost } from "../../lib/net.ts";
import { Agent } from "../../lib/undici.ts";
import type { Logger } from "../../ports.ts";
import { errorCode } from "../oci/error-code.ts";
import { hostWithPort } from "../oci/registry-address.ts";
import { createGuardedConnector } from "./guarded-connect.ts";
import { openProxyConnections, type ProxyConnections, type Route } from "./proxy-connections.ts";
import { type HttpProxy, proxyFor } from "./proxy-environment.ts";

/** Files with PEM text; read again when they change, as certificates are rotated. */
export interface TlsFiles {
  /** Authorities to trust besides those of the system: `images.source.caFile`. */
  readonly caFile?: string | undefined;
  /** Client certificate with its chain, shown to the registry alone: `images.source.certFile`. */
  readonly certFile?: string | undefined;
  /** Its key: `images.source.keyFile`. */
  readonly keyFile?: string | undefined;
}

export interface DispatcherOptions extends TlsFiles {
  /** Of the registry: no other host is shown the client certificate. */
  readonly registry: URL;
  /** Connections per host. */
  readonly connections: number;
  readonly connectTimeoutMs: number;
  readonly logger: Logger;
}

/** Which connections a request takes. */
export interface Dispatchers {
  /** Reads the files again if they have changed. Rejects with a RegistryUnavailableError if they were never readable. */
  refresh(): Promise<void>;
  /**
   * Straight to loopback; elsewhere as `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` say. A `foreign` host, which the registry
   * alone has named, is not reached on private addresses unless the registry is on one (field case F11). Throws a
   * RegistryUnavailableError where a proxy is set that cannot be used.
   */
  route(url: URL, foreign: boolean): Route;
  /**
   * Makes the next `refresh` read the files and open connections of its own: what has failed may have been the address
   * or the TLS session of a connection that was kept.
   */
  forget(): void;
  close(): Promise<void>;
}

interface TlsMaterial {
  readonly ca?: string[];
  readonly cert?: string;
  readonly key?: string;
}

/** Connections that share one TLS configuration. */
interface Connections {
  readonly direct: Agent;
  readonly guarded: Agent;
  through(proxy: HttpProxy): ProxyConnections;
  close(): Promise<void>;
  destroy(): Promise<void>;
}

/** A name of this machine or an address that is not public. */
function isInternal(hostname: string): boolean {
  return !["public", "name"].includes(classOfHost(hostname));
}

function openConnections(options: DispatcherOptions, material: TlsMaterial): Connections {
  const agent = {
    connections: options.connections,
    pipelining: 1,
    // One HTTP/2 connection would carry all requests, and its loss would fail them all at once.
    allowH2: false,
    // Each request has a deadline of its own, which a drip cannot defeat as it does these two.
    headersTimeout: 0,
    bodyTimeout: 0,
  };
  const connect = { ...material, allowH2: false, timeout: options.connectTimeoutMs };
  const direct = new Agent({ ...agent, connect });
  const guarded = new Agent({ ...agent, connect: createGuardedConnector(options.registry.hostname, connect) });
  const proxies = new Map<string, ProxyConnections>();
  const all = () => [direct, guarded, ...proxies.values()];
  return {
    direct,
    guarded,
    through(proxy) {
      const key = JSON.stringify(proxy);
      const known = proxies.get(key);
      if (known !== undefined) return known;
      const { connectTimeoutMs } = options;
      const proxyConnect = { ...(material.ca === undefined ? {} : { ca: material.ca }), timeout: connectTimeoutMs };
      const opened = openProxyConnections({ proxy, agent, connect, proxyConnect, connectTimeoutMs });
      proxies.set(key, opened);
      return opened;
    },
    async close() {
      await Promise.all(all().map((one) => one.close()));
    },
    async destroy() {
      await Promise.all(all().map((one) => one.destroy()));
    },
  };
}

async function readMaterial(files: TlsFiles): Promise<TlsMaterial> {
  const read = async (path: string | undefined) =>
    path === undefined ? undefined : (await readRegularFile(path)).toString("utf8");
  const [ca, cert, key] = await Promise.all([read(files.caFile), read(files.certFile), read(files.keyFile)]);
  return {
    ...(ca === undefined ? {} : { ca: [...getCACertificates("default"), ca] }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}

/** Changes when one of the files does, also when a mounted secret's link is moved to a new directory. */
async function fingerprint(files: TlsFiles): Promise<string> {
  const paths = [files.caFile, files.certFile, files.keyFile];
  const marks = paths.map(async (path) => {
    if (path === undefined) return "";
    const { ino, size, mtimeMs } = await stat(path);
    return `${ino}/${size}/${mtimeMs}`;
  });
  return (await Promise.all(marks)).join(" ");
}

/** Connections are opened when they are first needed. */
export function createDispatchers(options: DispatcherOptions): Dispatchers {
  const registryAuthority = hostWithPort(options.registry);
  let registry: Connections | null = null;
  let others: Connections | null = null;
  let seen: string | null = null;

  async function reload(): Promise<void> {
    const mark = await fingerprint(options);
    if (mark === seen) return;
    const material = await readMaterial(options);
    const old = [registry, others];
    registry = openConnections(options, material);
    others = openConnections(options, material.ca === undefined ? {} : { ca: material.ca });
    seen = mark;
    // What is under way on the old connections may finish.
    Promise.all(old.map((one) => one?.close())).catch(() => undefined);
  }

  return {
    async refresh() {
      try {
        await reload();
      } catch (error) {
        if (error instanceof RegistryUnavailableError) throw error;
        const why = `a file of images.source.caFile, certFile or keyFile cannot be read (${errorCode(error)})`;
        if (registry === null) throw new RegistryUnavailableError(why, error);
        options.logger.warn({ reason: why }, "keeping the certificates that were read before");
      }
    },
    route(url, foreign) {
      const connections = hostWithPort(url) === registryAuthority ? registry : others;
      if (connections === null) throw new RegistryUnavailableError("the registry client is not open");
      // A proxy of the network must not be led to the network's own addresses either.
      const proxy = foreign && isInternal(url.hostname) ? null : proxyFor(url, process.env);
      if (proxy !== null) return connections.through(proxy).route(url);
      const dispatcher = foreign ? connections.guarded : connections.direct;
      return { dispatcher, origin: url.origin, path: `${url.pathname}${url.search}`, headers: {}, proxy };
    },
    forget() {
      seen = null;
    },
    async close() {
      const old = [registry, others];
      registry = null;
      others = null;
      await Promise.all(old.map((one) => one?.destroy()));
    },
  };
}
