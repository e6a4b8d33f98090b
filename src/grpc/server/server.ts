import { Server, type ServerInterceptor, type ServerOptions } from "@grpc/grpc-js";
import type { Authorizer } from "../../access/authorizer.ts";
import type { ServerTls } from "../../access/tls-server.ts";
import { formatHostPort, isLoopback, type ListenAddress } from "../../lib/net.ts";
import type { Clock, ImageCommands, Logger, StateReader } from "../../ports.ts";
import { MAX_MESSAGE_BYTES } from "../paging/page.ts";
import { createTransport, type TransportLimits } from "../transport/transport.ts";
import { createAuthInterceptor } from "./auth-interceptor.ts";
import type { CallObserver } from "./call.ts";
import { createConnections, ListenError } from "./connections.ts";
import { servedService } from "./contract.ts";
import { statusOf } from "./error-table.ts";
import { createHealth, HEALTH_SERVICE } from "./health.ts";
import { IMAGE_SERVICE, imageService } from "./image-service.ts";
import { addReflection } from "./reflection.ts";
import { createServiceContext, type ServedSettings } from "./service-context.ts";
import type { StreamDeps } from "./stream-call.ts";
import { createStreamRegistry } from "./stream-registry.ts";

/** Limits of what callers may use of the server (`grpc.limits`). */
export interface GrpcLimits extends TransportLimits {
  /** Connections at a time. */
  readonly connections: number;
  /** Calls at a time on one connection; further ones wait at the client (HTTP/2 SETTINGS_MAX_CONCURRENT_STREAMS). */
  readonly callsPerConnection: number;
  /** Interval of keepalive pings on an idle connection. */
  readonly keepaliveTimeMs: number;
  /** Time that the response to a ping may take before the connection is cut. */
  readonly keepaliveTimeoutMs: number;
}

/** Limits for where the configuration names none. */
export const DEFAULT_GRPC_LIMITS: GrpcLimits = {
  connections: 1_000,
  callsPerConnection: 1_000,
  calls: 10_000,
  requestBytes: 16 * 1_024 * 1_024,
  requestTimeout: 10_000,
  unsentBytes: 32 * 1_024 * 1_024,
  responseTimeout: 60_000,
  keepaliveTimeMs: 30_000,
  keepaliveTimeoutMs: 10_000,
};

/** Configuration and collaborators of a server. */
export interface GrpcServerOptions {
  readonly listen: ListenAddress;
  /** Allows plaintext on an address that is not loopback. */
  readonly insecure: boolean;
  /** Without it: plaintext. */
  readonly tls?: ServerTls | undefined;
  /** Without it everybody who is connected may call everything. */
  readonly auth?: Authorizer | undefined;
  readonly limits: GrpcLimits;
  readonly reader: StateReader;
  readonly commands: ImageCommands;
  readonly settings: ServedSettings;
  readonly logger: Logger;
  readonly clock: Clock;
  /** A new id, unlikely to have been given before. */
  readonly randomId: () => string;
  readonly observer: CallObserver;
  /** Whether each call is logged, at debug. */
  readonly logsCalls: boolean;
}

/** The gRPC server. */
export interface GrpcServer {
  /** Listens; returns the port. Error: ListenError. */
  start(): Promise<{ readonly port: number }>;
  /** Sets the status that the health service reports: SERVING while there is a snapshot. */
  setServing(serving: boolean): void;
  /**
   * Stops: reports NOT_SERVING, takes no further calls, ends all streams with SHUTTING_DOWN, lets calls under way finish for
   * `graceMs` at most, then cuts what is left. Calling it again waits for the same end.
   */
  shutdown(graceMs: number): Promise<void>;
}

/** Maximum size of a request; the largest valid one is far below. */
const MAX_REQUEST_BYTES = 64 * 1_024;

/** Time before peers that read nothing are cut when the server stops, and the interval of checks for them. */
const STALL_MS = 1_000;
const CUT_INTERVAL_MS = 100;

function serverOptions(limits: GrpcLimits, interceptors: ServerInterceptor[]): ServerOptions {
  return {
    interceptors,
    "grpc.max_receive_message_length": MAX_REQUEST_BYTES,
    "grpc.max_send_message_length": MAX_MESSAGE_BYTES,
    "grpc.max_concurrent_streams": limits.callsPerConnection,
    "grpc.keepalive_time_ms": limits.keepaliveTimeMs,
    "grpc.keepalive_timeout_ms": limits.keepaliveTimeoutMs,
    // A backstop for what is not counted otherwise, in megabytes; grpc-js sets none.
    "grpc-node.max_session_memory": Math.ceil((limits.unsentBytes + limits.requestBytes) / 1_000_000) + 16,
    "grpc.enable_channelz": 0,
  };
}

function checkListen({ listen, insecure, tls, logger }: GrpcServerOptions): ListenAddress {
  if (tls !== undefined || isLoopback(listen.host)) return listen;
  const address = formatHostPort(listen);
  if (!insecure) {
    throw new ListenError(
      `grpc.listen is ${address}, which others can reach: plaintext is refused there unless grpc.insecure is true; or set grpc.tls`,
    );
  }
  logger.warn(
    { listen: address },
    "grpc.insecure is true: gRPC is served in plaintext to whoever can reach the address",
  );
  return listen;
}

/** A server that does not listen yet. */
export function createGrpcServer(options: GrpcServerOptions): GrpcServer {
  const { limits, logger, clock, randomId, observer, logsCalls, tls, auth } = options;
  let stopping: Promise<void> | null = null;
  const streams = createStreamRegistry((count) => observer.streamsOpen(count));
  const isStopping = () => stopping !== null;
  const deps: StreamDeps = { logger, clock, randomId, observer, logsCalls, streams, stopping: isStopping };
  const health = createHealth(deps);

  const transport = createTransport(limits, {
    clock,
    statusOf: (error) => statusOf(error, "transport", deps),
    onLimit: (limit, peer) => observer.limitReached(limit, peer),
  });
  const guards = auth === undefined ? [] : [createAuthInterceptor(auth, deps)];
  const server = new Server(serverOptions(limits, [transport.interceptor, ...guards]));
  server.addService(servedService(IMAGE_SERVICE), imageService(createServiceContext(options), deps));
  server.addService(servedService(HEALTH_SERVICE), health.implementation);
  addReflection(server, deps);
  const connections = createConnections(
    { limit: limits.connections, tls, logger, clock, onLimit: (peer) => observer.limitReached("connections", peer) },
    transport.attach(server),
  );

  async function stop(graceMs: number): Promise<void> {
    health.setServing(false);
    const closed = connections.close();
    streams.endAll();
    // Asks the callers to close their connections once their calls are over. Its own end is not waited for: where Node has
    // closed the sessions already, grpc-js takes that for their end.
    server.tryShutdown(() => undefined);
    const cancelGrace = clock.schedule(graceMs, () => connections.destroy());
    let cancelCut = clock.schedule(STALL_MS, function cut() {
      transport.cutStalled(STALL_MS);
      cancelCut = clock.schedule(CUT_INTERVAL_MS, cut);
    });
    await closed;
    cancelCut();
    cancelGrace();
    transport.stop();
  }

  return {
    async start() {
      const port = await connections.listen(checkListen(options));
      transport.start();
      return { port };
    },
    setServing(serving) {
      if (stopping === null) health.setServing(serving);
    },
    shutdown(graceMs) {
      // Deferred, so that `stopping` is set when anything is stopped.
      stopping ??= Promise.resolve().then(() => stop(graceMs));
      return stopping;
    },
  };
}
