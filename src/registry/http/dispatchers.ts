import { readFile, stat } from "node:fs/promises";
import { getCACertificates } from "node:tls";
import type { Dispatcher } from "undici";
import { RegistryUnavailableError } from "../../domain/errors.ts";
import { isLoopback } from "../../lib/net.ts";
import { Agent, EnvHttpProxyAgent } from "../../lib/undici.ts";
import type { Logger } from "../../ports.ts";
import { errorCode } from "../oci/error-code.ts";
import { hostWithPort } from "../oci/registry-address.ts";

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
  /** `host:port` of the registry: no other host is shown the client certificate. */
  readonly registryHost: string;
  /** Connections per host. */
  readonly connections: number;
  readonly connectTimeoutMs: number;
  readonly logger: Logger;
}

/** Which connections a request takes. */
export interface Dispatchers {
  /** Reads the files again if they have changed. Rejects with a RegistryUnavailableError if they were never readable. */
  refresh(): Promise<void>;
  /** Straight to loopback; elsewhere as `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` say. */
  for(url: URL): Dispatcher;
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
  readonly environment: EnvHttpProxyAgent;
}

function openConnections(options: DispatcherOptions, material: TlsMaterial): Connections {
  const shared = {
    connections: options.connections,
    pipelining: 1,
    // One HTTP/2 connection would carry all requests, and its loss would fail them all at once.
    allowH2: false,
    // Each request has a deadline of its own, which a drip cannot defeat as it does these two.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: { ...material, timeout: options.connectTimeoutMs },
  };
  try {
    return { direct: new Agent(shared), environment: new EnvHttpProxyAgent({ ...shared, requestTls: material }) };
  } catch (error) {
    // The text of the cause would hold the proxy's URL, and with it perhaps a password.
    throw new RegistryUnavailableError(`the proxy that the environment names cannot be used (${errorCode(error)})`);
  }
}

async function readMaterial(files: TlsFiles): Promise<TlsMaterial> {
  const read = async (path: string | undefined) => (path === undefined ? undefined : await readFile(path, "utf8"));
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
  let registry: Connections | null = null;
  let others: Connections | null = null;
  let seen: string | null = null;

  async function closeAll(agents: readonly (Connections | null)[]): Promise<void> {
    await Promise.all(agents.flatMap((one) => (one === null ? [] : [one.direct.close(), one.environment.close()])));
  }

  async function reload(): Promise<void> {
    const mark = await fingerprint(options);
    if (mark === seen) return;
    const material = await readMaterial(options);
    const old = [registry, others];
    registry = openConnections(options, material);
    others = openConnections(options, material.ca === undefined ? {} : { ca: material.ca });
    seen = mark;
    // What is under way on the old connections may finish.
    closeAll(old).catch(() => undefined);
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
    for(url) {
      const connections = hostWithPort(url) === options.registryHost ? registry : others;
      if (connections === null) throw new RegistryUnavailableError("the registry client is not open");
      return isLoopback(url.hostname) ? connections.direct : connections.environment;
    },
    async close() {
      const old = [registry, others];
      registry = null;
      others = null;
      await Promise.all(old.flatMap((one) => (one === null ? [] : [one.direct.destroy(), one.environment.destroy()])));
    },
  };
}
