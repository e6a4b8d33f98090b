import { status } from "@grpc/grpc-js";
import { ProtocolError } from "../server/protocol-error.ts";
import type { Connection, OpenCall } from "./open-call.ts";

/** Bounds of requests that are not complete. */
export interface IncomingLimits {
  /** Bytes that may be held for them, in all. */
  readonly requestBytes: number;
  /** Milliseconds that a request may take. */
  readonly requestTimeout: number;
}

/**
 * The requests that have begun and are not complete. What they hold is bounded by bytes and by time; where the bytes are used
 * up, the connection that holds most loses its oldest request.
 */
export interface IncomingRequests {
  open(call: OpenCall): void;
  /**
   * A message of a stream of requests is complete at `now` (`Clock.monotonicTime`). The time starts again, and is longer: the
   * caller may think before its next message. The bytes stay bounded as they were.
   */
  received(call: OpenCall, now: number): void;
  /** The request is complete, or its call has ended. Idempotent. */
  close(call: OpenCall): void;
  /** Ends the calls whose requests take too long; `now` is a `Clock.monotonicTime`. */
  sweep(now: number): void;
}

/** What a chunk of a message costs beside its bytes: one-byte frames were measured at 200 bytes each. */
const CHUNK_COST = 256;

/** Time for the next message of a stream of requests, in request time-outs: five minutes by default. */
const STREAM_TIMEOUTS = 30;

const TOO_MUCH_MEMORY = new ProtocolError(
  status.RESOURCE_EXHAUSTED,
  "requests that are not complete take too much memory",
);
const TOO_LATE = new ProtocolError(status.DEADLINE_EXCEEDED, "the request was not complete in time");

/** One request so far. */
interface Partial {
  /** `Clock.monotonicTime` after which it is late. */
  deadline: number;
  /** Bytes that its connection had received when it began. */
  readonly beganAt: number;
  chunks: number;
}

/** What one connection holds. */
interface Held {
  /** The oldest first. */
  readonly requests: Map<OpenCall, Partial>;
  chunks: number;
  bytes: number;
}

export function createIncomingRequests({ requestBytes, requestTimeout }: IncomingLimits): IncomingRequests {
  const connections = new Map<Connection, Held>();
  let total = 0;

  /**
   * A part of a message keeps the whole piece of memory that it was read into, so all that came on the connection since its
   * oldest request began counts.
   */
  function measure({ socket }: Connection, held: Held, received = socket.bytesRead): void {
    const [oldest] = held.requests.values();
    const bytes = oldest === undefined ? 0 : received - oldest.beganAt + held.chunks * CHUNK_COST;
    total += bytes - held.bytes;
    held.bytes = bytes;
  }

  function bound(): void {
    while (total > requestBytes) {
      const [connection, held] = largest();
      const measured = held.bytes;
      measure(connection, held);
      if (held.bytes < measured) continue;
      const [oldest] = held.requests.keys();
      if (oldest === undefined) return;
      oldest.endBy("request_bytes", TOO_MUCH_MEMORY);
      close(oldest);
      measure(connection, held);
    }
  }

  function largest(): readonly [Connection, Held] {
    const [first, ...others] = connections;
    if (first === undefined) throw new RangeError("no connection holds a request");
    return others.reduce((most, each) => (each[1].bytes > most[1].bytes ? each : most), first);
  }

  function close(call: OpenCall): void {
    const held = connections.get(call.connection);
    const request = held?.requests.get(call);
    if (held === undefined || request === undefined) return;
    held.requests.delete(call);
    held.chunks -= request.chunks;
    if (held.requests.size > 0) return;
    connections.delete(call.connection);
    total -= held.bytes;
    held.bytes = 0;
  }

  return {
    open(call) {
      const { connection, stream } = call;
      const held = connections.get(connection) ?? { requests: new Map(), chunks: 0, bytes: 0 };
      connections.set(connection, held);
      const deadline = call.openedAt + requestTimeout;
      const request = { deadline, beganAt: connection.socket.bytesRead, chunks: 0 };
      held.requests.set(call, request);
      measure(connection, held, request.beganAt);
      bound();
      stream.on("data", () => {
        if (!held.requests.has(call)) return;
        held.chunks += 1;
        request.chunks += 1;
        // The one chunk of a usual request is not worth a look.
        if (request.chunks === 1) return;
        measure(connection, held);
        bound();
      });
    },
    received(call, now) {
      const request = connections.get(call.connection)?.requests.get(call);
      if (request !== undefined) request.deadline = now + STREAM_TIMEOUTS * requestTimeout;
    },
    close,
    sweep(now) {
      for (const { requests } of connections.values()) {
        for (const [call, { deadline }] of requests) {
          if (now < deadline) continue;
          call.endBy("request_time", TOO_LATE);
          close(call);
        }
      }
    },
  };
}
