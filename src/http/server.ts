import { once } from "node:events";
import type { Server } from "node:http";
import type { ImageSettings } from "../domain/settings.ts";
import { isLoopback, type ListenAddress } from "../lib/net.ts";
import type { Clock, Logger } from "../ports.ts";
import { createDispatch } from "./dispatch.ts";
import { live, metricsHandler, readinessHandler } from "./health-routes.ts";
import { READ_METHODS, type RequestHandler, type Route, type RouteState } from "./route.ts";
import { createSpawnerRoutes } from "./spawner-routes.ts";

// An import would read every property of the module, and with them load fetch and WebSocket: 3.5 MB resident.
const { createServer } = process.getBuiltinModule("node:http");

/** Milliseconds that a caller has for the headers of a request, and for all of it. */
const HEADERS_TIMEOUT = 10_000;
const REQUEST_TIMEOUT = 30_000;
/** Milliseconds after which a connection is closed that is idle between requests, or stalls while it reads an answer. */
const KEEP_ALIVE_TIMEOUT = 15_000;
const STALL_TIMEOUT = 60_000;
const MOST_CONNECTIONS = 2_000;
const LARGEST_HEADERS = 8_192;
/** Milliseconds between looks for connections that have become idle while the server stops. */
const SWEEP_INTERVAL = 50;

/** What the HTTP server is made of. */
export interface HttpServerOptions {
  readonly listen: ListenAddress;
  /** Serves images and prepulls beyond loopback too. */
  readonly allowAnonymousRead: boolean;
  /** Stands before the paths of the original's routes alone: `http.pathPrefix`. */
  readonly pathPrefix: string;
  readonly reader: RouteState;
  readonly settings: ImageSettings;
  readonly metrics: { readonly contentType: string; render(): Promise<string> };
  readonly logger: Logger;
  readonly clock: Clock;
  /** Answers POST requests to `/hooks/registry`; without it there is no such path. */
  readonly hook?: RequestHandler | undefined;
}

/** The HTTP port of the service (api.md, HTTP). */
export interface HttpServer {
  /** Binds the port; answers where. Rejects with the system's error where it cannot be bound. */
  start(): Promise<{ readonly host: string; readonly port: number }>;
  /** From now on `/readyz` says that the server shuts down; everything is still served. */
  drain(): void;
  /** Takes no new connections, lets running requests end for `graceMs` milliseconds, then cuts them. Idempotent. */
  stop(graceMs: number): Promise<void>;
}

/** Makes the server; nothing is bound before `start`. */
export function createHttpServer(options: HttpServerOptions): HttpServer {
  const { listen, logger, clock, allowAnonymousRead } = options;
  let draining = false;
  let onLoopback = false;
  const dispatch = createDispatch({
    routes: createRoutes(options, () => draining),
    logger,
    allowAnonymousRead,
    isOnLoopback: () => onLoopback,
  });
  const server = createServer({
    headersTimeout: HEADERS_TIMEOUT,
    requestTimeout: REQUEST_TIMEOUT,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT,
    maxHeaderSize: LARGEST_HEADERS,
  });
  server.maxConnections = MOST_CONNECTIONS;
  server.setTimeout(STALL_TIMEOUT);
  server.on("request", dispatch);
  let stopped: Promise<void> | undefined;

  return {
    async start() {
      server.listen({ host: listen.host, port: listen.port });
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
      stopped ??= closeServer(server, clock, graceMs);
      return stopped;
    },
  };
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

async function closeServer(server: Server, clock: Clock, graceMs: number): Promise<void> {
  if (!server.listening) return;
  const closed = once(server, "close");
  server.close();
  let cancelSweep: () => void = () => undefined;
  // A connection that is busy when the server stops is idle when its request ends, and would be kept alive.
  const sweep = () => {
    server.closeIdleConnections();
    cancelSweep = clock.schedule(SWEEP_INTERVAL, sweep);
  };
  sweep();
  const cancelGrace = clock.schedule(graceMs, () => server.closeAllConnections());
  await closed;
  cancelSweep();
  cancelGrace();
}
