/**
 * An OCI registry that lives in the process: a real HTTP server on loopback that speaks the read side of the
 * distribution specification, with tags and manifests but no layers. The demo runs on it, and it is the peer of the
 * registry client's tests, which is why the ways in which real registries differ can be switched on one by one.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { createRegistryGuard, type RegistryAuth, sendRegistryError } from "./oci-registry-auth.ts";
import { createHookSender, type RegistryHook } from "./oci-registry-hook.ts";
import { type RegistryBehaviour, serveRegistry } from "./oci-registry-routes.ts";
import { createRegistryStore, type PushOptions } from "./oci-registry-store.ts";

export interface OciRegistryOptions {
  /** 0, which takes a free one, unless given. */
  readonly port?: number;
  readonly auth?: RegistryAuth;
  readonly behaviour?: Partial<RegistryBehaviour>;
  /** Notified of every push, before its tag is written. */
  readonly hook?: RegistryHook;
  /** Milliseconds since the epoch, for the life of tokens and the time in notifications. */
  readonly now?: () => number;
}

/** One request as it arrived. Of its credentials only the scheme is kept. */
export interface LoggedRequest {
  readonly method: string;
  /** With query. */
  readonly path: string;
  readonly status: number;
  /** First word of the `Authorization` header in lower case, or null. */
  readonly authorization: string | null;
  /** Without those that carry credentials. */
  readonly headers: ReadonlyMap<string, string>;
}

/** A running simulated registry. */
export interface SimulatedRegistry {
  /** `http://127.0.0.1:port`. */
  readonly url: string;
  /** `127.0.0.1:port`: what stands before the repository in a reference. */
  readonly host: string;
  readonly port: number;
  /** May be changed at any time; applies to the next request. */
  readonly behaviour: RegistryBehaviour;
  /** Returns the digest: the SHA-256 of the manifest's bytes. Throws where `digest` names no known manifest. */
  push(repository: string, tag: string, options?: PushOptions): string;
  /** False where there was no such tag. */
  remove(repository: string, tag: string): boolean;
  /** In listing order; empty where there is no such repository. */
  tags(repository: string): readonly string[];
  /** The last 2,000 answered requests, oldest first. */
  readonly requests: readonly LoggedRequest[];
  clearRequests(): void;
  /** Connections accepted so far. */
  readonly connections: number;
  /** The most requests that were under way at one time. */
  readonly peakConcurrency: number;
  readonly tokensIssued: number;
  /** Makes every token given out so far worthless. */
  expireTokens(): void;
  /** Authenticates in another way from now on; tokens of before are worthless. */
  setAuth(auth: RegistryAuth): void;
  /** Resolves when every push so far has been notified of, or could not be, and is tagged. */
  notificationsSettled(): Promise<void>;
  readonly failedNotifications: number;
  /** Stops listening and drops open connections. */
  close(): Promise<void>;
}

const MAX_LOGGED_REQUESTS = 2_000;
const SECRET_HEADERS: ReadonlySet<string> = new Set(["authorization", "proxy-authorization", "cookie"]);

function describeRequest(request: IncomingMessage, status: number): LoggedRequest {
  const headers = new Map<string, string>();
  for (const [name, value] of Object.entries(request.headers)) {
    if (!SECRET_HEADERS.has(name) && value !== undefined) headers.set(name, String(value));
  }
  const authorization = request.headers.authorization?.split(" ", 1)[0]?.toLowerCase() ?? null;
  return { method: request.method ?? "", path: request.url ?? "", status, authorization, headers };
}

function behaviourFrom(wanted: Partial<RegistryBehaviour>): RegistryBehaviour {
  return {
    pageSize: 100,
    emptyTags: "list",
    link: "relative",
    last: "followed",
    unsized: "page",
    headDigest: "sent",
    throttle: null,
    intercept: null,
    ...wanted,
  };
}

/** Counts and logs what a server is asked. */
function createRequestLog() {
  const requests: LoggedRequest[] = [];
  let underWay = 0;
  let peak = 0;
  return {
    requests,
    peak: () => peak,
    begin(request: IncomingMessage, status: () => number): () => void {
      underWay += 1;
      peak = Math.max(peak, underWay);
      return () => {
        underWay -= 1;
        requests.push(describeRequest(request, status()));
        if (requests.length > MAX_LOGGED_REQUESTS) requests.shift();
      };
    },
  };
}

/** Starts a registry without any repository on 127.0.0.1. */
export async function startOciRegistry(options: OciRegistryOptions = {}): Promise<SimulatedRegistry> {
  const now = options.now ?? Date.now;
  const store = createRegistryStore();
  const behaviour = behaviourFrom(options.behaviour ?? {});
  const log = createRequestLog();
  const sockets = new Set<Socket>();
  let connections = 0;
  let host = "";
  const url = () => `http://${host}`;
  let guard = createRegistryGuard(options.auth ?? { kind: "none" }, url, now);
  const hook = createHookSender(options.hook, () => host, now);

  const server = createServer((request, response) => {
    response.once(
      "close",
      log.begin(request, () => response.statusCode),
    );
    serveRegistry({ store, guard, behaviour, url }, request, response).catch(() => {
      if (response.headersSent) response.destroy();
      else sendRegistryError(response, 400, "UNSUPPORTED", "the request cannot be understood");
    });
  });
  server.on("connection", (socket: Socket) => {
    connections += 1;
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  server.listen(options.port ?? 0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  host = `127.0.0.1:${port}`;

  return {
    url: url(),
    host,
    port,
    behaviour,
    push(repository, tag, pushOptions = {}) {
      const manifest = store.put(repository, tag, pushOptions);
      const { digest } = manifest;
      // As docker-registry does it: whoever is notified may look before the tag is there.
      if (options.hook === undefined) store.tag(repository, tag, digest);
      else void hook.pushed(repository, tag, manifest).then(() => store.tag(repository, tag, digest));
      return digest;
    },
    remove: (repository, tag) => store.remove(repository, tag),
    tags: (repository) => store.tags(repository) ?? [],
    requests: log.requests,
    clearRequests: () => {
      log.requests.length = 0;
    },
    get connections() {
      return connections;
    },
    get peakConcurrency() {
      return log.peak();
    },
    get tokensIssued() {
      return guard.tokensIssued;
    },
    expireTokens: () => guard.expireTokens(),
    setAuth(auth) {
      guard = createRegistryGuard(auth, url, now);
    },
    notificationsSettled: () => hook.settled(),
    get failedNotifications() {
      return hook.failures;
    },
    async close() {
      await hook.close();
      const closed = once(server, "close");
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
