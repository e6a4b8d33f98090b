import { once } from "node:events";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type ServerTls, secureServer, tlsOptions } from "../access/tls-server.ts";
import type { HttpLimit } from "../domain/peer-limits.ts";
import type { ImageSettings } from "../domain/settings.ts";
import { isLoopback, LISTEN_BACKLOG, type ListenAddress, peerOf } from "../lib/net.ts";
import { quotePeer } from "../lib/redact.ts";
import type { Clock, Logger } from "../ports.ts";
import { createHttpConnections, type HttpConnections, peerOfSocket } from "./connections.ts";
import { createDispatch } from "./dispatch.ts";
import { live, metricsHandler, readinessHandler } from "./health-routes.ts";
import { createReadAccess, type ReadAccessOptions } from "./read-access.ts";
import { READ_METHODS, type RequestHandler, type Route, type RouteState } from "./route.ts";
import { createSpawnerRoutes } from "./spawner-routes.ts";

// An import would read every property of the module, and with them load fetch and WebSocket: 3.5 MB resident.
const { createServer } = process.getBuiltinModule("node:http");
const { createServer: createTlsServer } = process.getBuiltinModule("node:https");

/** Limits of what callers may use. Times in ms. */
export interface HttpLimits {
  readonly maxConnections: number;
  /** For the headers of a request. */
  readonly headersTimeoutMs: number;
  /** For taking a response. */
  readonly responseTimeoutMs: number;
}

const DEFAULT_LIMITS: HttpLimits = { maxConnections: 2_000, headersTimeoutMs: 10_000, responseTimeoutMs: 120_000 };
/** Time in ms that a caller has for a whole request. */
const REQUEST_TIMEOUT_MS = 30_000;
/** Time in ms between looks for callers that are late; Node's own 30 s would add to each of the two. */
const CHECK_INTERVAL_MS = 1_000;
/** Time in ms after which a connection is closed that is idle between requests, or on which nothing moves. */
const KEEP_ALIVE_TIMEOUT_MS = 15_000;
const STALL_TIMEOUT_MS = 60_000;
const MAX_HEADER_BYTES = 8_192;
/** Time in ms between looks for connections that have become idle while the server stops. */
const SWEEP_INTERVAL_MS = 50;
/** Time in ms before connections are cut whose peers take nothing while the server stops. */
const PATIENCE_MS = 1_000;

/** CONNECT is for proxies; Node would end the connection without a word. */
const NO_PROXY =
  "HTTP/1.1 405 Method Not Allowed\r\nAllow: GET, HEAD, POST\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/** Node's code of a request that is not complete in time. */
const LATE = "ERR_HTTP_REQUEST_TIMEOUT";
const CLIENT_ERRORS: ReadonlyMap<string, string> = new Map([
  [LATE, "408 Request Timeout"],
  ["HPE_HEADER_OVERFLOW", "431 Request Header Fields Too Large"],
  ["HPE_CHUNK_EXTENSIONS_OVERFLOW", "413 Payload Too Large"],
]);

/** Configuration and collaborators of the HTTP server. */
export interface HttpServerOptions extends Omit<ReadAccessOptions, "isOnLoopback"> {
  readonly listen: ListenAddress;
  /** Stands before the paths of the original's routes alone: `http.pathPrefix`. */
  readonly pathPrefix: string;
  readonly reader: RouteState;
  readonly settings: ImageSettings;
  readonly metrics: { readonly contentType: string; render(): Promise<string> };
  readonly logger: Logger;
  readonly clock: Clock;
  readonly limits?: Partial<HttpLimits> | undefined;
  /** Whether each request is logged, at debug. */
  readonly logsRequests?: boolean;
  /** Without it: plaintext. */
  readonly tls?: ServerTls | undefined;
  /** A limit has cut or refused this peer. */
  readonly onLimit: (limit: HttpLimit, peer: string) => void;
  /** Serves POST requests to `/hooks/registry`; without it there is no such path. */
  readonly hook?: RequestHandler | undefined;
}

/** The HTTP port of the service (docs/spec/api.md, HTTP). */
export interface HttpServer {
  /** Binds the port; returns the address. Rejects with the system's error where it cannot be bound. */
  start(): Promise<{ readonly host: string; readonly port: number }>;
  /** From now on `/readyz` says that the server shuts down; everything is still served. */
  drain(): void;
  /** Takes no new connections, lets running requests end for `graceMs` milliseconds, then cuts them. Idempotent. */
  stop(graceMs: number): Promise<void>;
}

/** Makes the server; nothing is bound before `start`. */
export function createHttpServer(options: HttpServerOptions): HttpServer {
  const { listen, logger, clock, tls, onLimit } = options;
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  let draining = false;
  let onLoopback = false;
  const dispatch = createDispatch({
    routes: createRoutes(options, () => draining),
    logger,
    mayRead: createReadAccess({ ...options, isOnLoopback: () => onLoopback }),
    isOnLoopback: () => onLoopback,
  });
  const serverOptions = {
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionsCheckingInterval: CHECK_INTERVAL_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
  };
  const tlsServer = tls === undefined ? null : createTlsServer({ ...serverOptions, ...tlsOptions("http/1.1", tls) });
  const cutHandshakes =
    tls === undefined || tlsServer === null ? null : secureServer(tlsServer, tls, { logger, clock });
  const server = tlsServer ?? createServer(serverOptions);
  server.setTimeout(STALL_TIMEOUT_MS);
  const connections = createHttpConnections(server, { ...limits, clock, onLimit });
  const serve = (request: IncomingMessage, response: ServerResponse) => {
    if (options.logsRequests === true) logAtEnd(request, response, { logger, clock });
    if (connections.admit(request, response)) dispatch(request, response);
  };
  server.on("request", serve);
  // Whether the caller shall send its body is for the route to say.
  server.on("checkContinue", serve);
  server.on("connect", (_request, socket) => refuseTunnel(socket, clock, limits.responseTimeoutMs));
  server.on("clientError", (error, socket) => {
    if (codeOf(error) === LATE && socket instanceof Socket) onLimit("request_time", peerOfSocket(socket));
    refuseBroken(codeOf(error), socket);
  });
  let stopped: Promise<void> | undefined;

  return {
    async start() {
      server.listen({ host: listen.host, port: listen.port, backlog: LISTEN_BACKLOG });
      await once(server, "listening");
      server.on("error", (error) => logger.error({ err: error }, "HTTP server error"));
      const address = server.address();
      if (address === null || typeof address === "string") throw new TypeError("the HTTP server has no port");
      onLoopback = isLoopback(address.address);
      return { host: address.address, port: address.port };
    },
    drain() {
      draining = true;
    },
    stop(graceMs) {
      draining = true;
      cutHandshakes?.();
      stopped ??= closeServer(server, connections, clock, graceMs);
      return stopped;
    },
  };
}

function codeOf(error: Error): string {
  return "code" in error ? String(error.code) : "";
}

/** As Node does where nobody listens for such errors: a request that cannot be read, or is not complete in time. */
function refuseBroken(code: string, socket: Duplex): void {
  if (!socket.writable || code === "ECONNRESET") {
    socket.destroy();
    return;
  }
  const status = CLIENT_ERRORS.get(code) ?? "400 Bad Request";
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => void socket.destroy());
}

/** Node has taken its own listeners off the socket: without one for errors, a peer's reset would end the process. */
function refuseTunnel(socket: Duplex, clock: Clock, timeoutMs: number): void {
  const cancel = clock.schedule(timeoutMs, () => void socket.destroy());
  socket.on("error", () => undefined).once("close", cancel);
  socket.end(NO_PROXY, () => void socket.destroy());
}

function logAtEnd(
  request: IncomingMessage,
  response: ServerResponse,
  { logger, clock }: { readonly logger: Logger; readonly clock: Clock },
): void {
  const startedAt = clock.monotonicTime();
  const { method, url = "", socket } = request;
  const peer = peerOf(socket.remoteAddress ?? "");
  response.once("close", () => {
    const durationMs = clock.monotonicTime() - startedAt;
    logger.debug({ method, path: quotePeer(url), status: response.statusCode, durationMs, peer }, "request finished");
  });
}

function createRoutes(options: HttpServerOptions, isDraining: () => boolean): ReadonlyMap<string, Route> {
  const spawner = createSpawnerRoutes(options.reader, options.settings);
  const routes = new Map<string, Route>([
    ["/livez", { methods: READ_METHODS, isRead: false, handle: live }],
    ["/readyz", { methods: READ_METHODS, isRead: false, handle: readinessHandler(options.reader, isDraining) }],
    ["/metrics", { methods: READ_METHODS, isRead: false, handle: metricsHandler(options.metrics) }],
    [`${options.pathPrefix}/spawner/v1/images`, { methods: READ_METHODS, isRead: true, handle: spawner.images }],
    [`${options.pathPrefix}/spawner/v1/prepulls`, { methods: READ_METHODS, isRead: true, handle: spawner.prepulls }],
  ]);
  if (options.hook !== undefined) {
    routes.set("/hooks/registry", { methods: ["POST"], isRead: false, handle: options.hook });
  }
  return routes;
}

async function closeServer(server: Server, connections: HttpConnections, clock: Clock, graceMs: number): Promise<void> {
  if (!server.listening) return;
  const closed = once(server, "close");
  server.close();
  let cancelSweep: () => void = () => undefined;
  // A connection that is busy when the server stops is idle when its request ends, and would be kept alive.
  const since = clock.monotonicTime();
  const sweep = () => {
    server.closeIdleConnections();
    if (clock.monotonicTime() - since >= PATIENCE_MS) connections.cutStalled(PATIENCE_MS);
    cancelSweep = clock.schedule(SWEEP_INTERVAL_MS, sweep);
  };
  sweep();
  const cancelGrace = clock.schedule(graceMs, () => server.closeAllConnections());
  await closed;
  cancelSweep();
  cancelGrace();
}
