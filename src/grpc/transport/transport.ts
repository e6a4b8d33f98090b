import { constants, type IncomingHttpHeaders, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import type { Server, ServerInterceptor, StatusObject } from "@grpc/grpc-js";
import { TooManyStreamsError } from "../../domain/errors.ts";
import { createFairPool } from "../../lib/concurrency.ts";
import { peerOf } from "../../lib/net.ts";
import { type CallGuards, GuardedCall } from "./guarded-call.ts";
import { interceptHttp2 } from "./http2-server.ts";
import { createIncomingRequests, type IncomingLimits } from "./incoming.ts";
import { type CallDeps, type Connection, OpenCall } from "./open-call.ts";
import { createOutgoingMessages, type OutgoingLimits } from "./outgoing.ts";
import { keptHeaders } from "./request-headers.ts";

/** What peers may take of the HTTP/2 server. */
export interface TransportLimits extends IncomingLimits, OutgoingLimits {
  /** Calls that may be open at one time, in all. */
  readonly calls: number;
}

/** What a transport works with. */
export type TransportDeps = Omit<CallDeps, "calls">;

/** The connections and calls of a gRPC server, below its handlers: what peers hold is counted, shared out and timed. */
export interface Transport {
  /** An option of the grpc-js server. */
  readonly interceptor: ServerInterceptor;
  /** Takes over the grpc-js server's HTTP/2 server. Returns what serves a connection, which returns whether it is idle. */
  attach(server: Server): (socket: Socket) => () => boolean;
  start(): void;
  /**
   * Cuts the connections that hold up the end: nothing has been under way on them for so long, and their peers do not take
   * what was sent.
   */
  cutStalled(patienceMs: number): void;
  stop(): void;
}

/** Milliseconds between looks for peers that are late. */
const SWEEP_MS = 1_000;
/** Milliseconds without a call after which a connection gives way to others. */
const IDLE_MS = 5_000;
/**
 * Resets by a peer at once, and a second, that cut its connection. Node's 1,000 and 33 are reached by a burst of deadlines;
 * here a reset costs no more than a call.
 */
const RESETS = { streamResetBurst: 100_000, streamResetRate: 10_000 };

/** A transport that serves nothing before `attach`. */
export function createTransport(limits: TransportLimits, transportDeps: TransportDeps): Transport {
  const { clock, statusOf, onLimit } = transportDeps;
  const incoming = createIncomingRequests(limits);
  const outgoing = createOutgoingMessages(limits, clock);
  const guards: CallGuards = { incoming, outgoing, clock, lastSizes: new Map() };
  const places = createFairPool(limits.calls);
  const deps: CallDeps = { ...transportDeps, calls: limits.calls };
  const connections = new Map<Socket, Connection>();
  const bySession = new WeakMap<object, Connection>();
  /** Connections whose peers have not acknowledged our settings; the oldest first. */
  const unsettled = new Set<Connection>();
  /** What Node's HTTP/2 server makes a session of, and grpc-js a call, at this moment. */
  let serving: Socket | null = null;
  let entering: OpenCall | null = null;
  let cancelSweep: (() => void) | null = null;

  function onSession(session: ServerHttp2Session): void {
    if (serving === null) throw new TypeError("Node makes its HTTP/2 sessions later than version 24");
    const socket = serving;
    const peer = peerOf(socket.remoteAddress ?? "");
    const now = clock.monotonicTime();
    const request = { owner: peer, member: session, amount: 1 };
    const connection = { session, socket, peer, openedAt: now, calls: new Set<OpenCall>(), idleSince: now, request };
    connections.set(socket, connection);
    bySession.set(session, connection);
    unsettled.add(connection);
    session.once("localSettings", () => unsettled.delete(connection));
    session.once("close", () => {
      unsettled.delete(connection);
      connections.delete(socket);
    });
  }

  function onStream(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    serve: (headers: IncomingHttpHeaders) => void,
  ): void {
    const connection = bySession.get(stream.session ?? stream);
    if (connection === undefined || stream.destroyed) return;
    const call = new OpenCall(connection, stream, deps);
    const place = places.take(connection.request, call);
    if (place === null) {
      onLimit("calls", connection.peer);
      refuse(stream, statusOf(new TooManyStreamsError(limits.calls)));
      return;
    }
    connection.calls.add(call);
    stream.once("close", () => {
      place.release();
      connection.calls.delete(call);
      connection.idleSince = clock.monotonicTime();
      incoming.close(call);
      outgoing.close(call);
    });
    entering = call;
    serve(keptHeaders(headers));
    if (entering === null) incoming.open(call);
    // What has no handler has been answered, and whatever else would come is not read.
    else stream.close(constants.NGHTTP2_NO_ERROR);
    entering = null;
  }

  function sweep(): void {
    const now = clock.monotonicTime();
    incoming.sweep(now);
    outgoing.sweep(now);
    for (const connection of unsettled) {
      if (now - connection.openedAt < limits.requestTimeout) break;
      onLimit("request_time", connection.peer);
      cut(connection);
    }
    cancelSweep = clock.schedule(SWEEP_MS, sweep);
  }

  return {
    interceptor(method, next) {
      if (entering === null) throw new TypeError("grpc-js makes its calls later than version 1.14.7");
      const call = entering;
      entering = null;
      call.next = next;
      return new GuardedCall(next, call, method, guards);
    },
    attach(server) {
      const serve = interceptHttp2(server, RESETS, { session: onSession, stream: onStream });
      return (socket) => {
        serving = socket;
        serve(socket);
        serving = null;
        return () => {
          const { calls, idleSince } = connections.get(socket) ?? { calls: new Set(), idleSince: 0 };
          return calls.size === 0 && clock.monotonicTime() - idleSince >= IDLE_MS;
        };
      };
    },
    start: sweep,
    cutStalled(patienceMs) {
      const now = clock.monotonicTime();
      for (const connection of connections.values()) {
        const { calls, idleSince } = connection;
        const isOver = (call: OpenCall) => call.isStalled(patienceMs) || call.waitsForRoom;
        const isStalled = calls.size === 0 || [...calls].some((call) => call.isStalled(patienceMs));
        if (now - idleSince >= patienceMs && isStalled && [...calls].every(isOver)) cut(connection);
      }
    },
    stop() {
      cancelSweep?.();
    },
  };
}

/** Where the session has been closed already, its own `destroy` would wait until the peer has taken everything. */
function cut({ session, socket }: Connection): void {
  session.destroy();
  socket.destroy();
}

function refuse(stream: ServerHttp2Stream, { code, details, metadata }: StatusObject): void {
  stream.on("error", () => undefined);
  const headers = { ":status": 200, "content-type": "application/grpc+proto", ...metadata.toHttp2Headers() };
  stream.respond({ ...headers, "grpc-status": code, "grpc-message": encodeURI(details) }, { endStream: true });
  stream.close(constants.NGHTTP2_NO_ERROR);
}
