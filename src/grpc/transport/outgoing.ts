import { status } from "@grpc/grpc-js";
import { createFairPool, type PoolHolder, type PoolPart } from "../../lib/concurrency.ts";
import type { Clock } from "../../ports.ts";
import { ProtocolError } from "../server/protocol-error.ts";
import type { Connection, OpenCall } from "./open-call.ts";

/** Bounds of messages that peers have not taken. */
export interface OutgoingLimits {
  /** Bytes that may wait to be taken, in all. */
  readonly unsentBytes: number;
  /** Milliseconds that a peer has to take a message. */
  readonly responseTimeout: number;
}

/**
 * The messages that the transport holds until their peers take them. What there is no room for waits its turn. A peer that
 * takes nothing loses its calls: after the response time-out, or as soon as somebody else needs the room.
 */
export interface OutgoingMessages {
  /** Calls `proceed` as soon as there is room for a message of about this size; never where the call ends before. */
  whenRoom(call: OpenCall, bytes: number, proceed: () => void): void;
  /** As `whenRoom`, and holds the room until `taken` is called, or the call ends. */
  send(call: OpenCall, bytes: number, proceed: () => void): void;
  /** The peer has taken the call's last message, or the call has ended. */
  taken(call: OpenCall): void;
  /** The call has ended. */
  close(call: OpenCall): void;
  /** Ends the calls whose peers do not take their messages; `now` is a `Clock.monotonicTime`. */
  sweep(now: number): void;
}

const TOO_MUCH_MEMORY = new ProtocolError(
  status.RESOURCE_EXHAUSTED,
  "responses that are not taken take too much memory",
);
const TOO_LATE = new ProtocolError(status.DEADLINE_EXCEEDED, "the response was not taken in time");

/** Milliseconds between attempts for what waits. */
const RETRY_MS = 20;

interface Waiting {
  readonly call: OpenCall;
  readonly bytes: number;
  /** Whether the message is there, and holds the room. */
  readonly isSend: boolean;
  readonly proceed: () => void;
}

/** A message that its peer has not taken. */
interface Unsent {
  readonly since: number;
  readonly part: PoolPart;
}

export function createOutgoingMessages(limits: OutgoingLimits, clock: Clock): OutgoingMessages {
  const pool = createFairPool(limits.unsentBytes, { patient: true });
  /** The call that has waited longest for its peer first. */
  const unsent = new Map<OpenCall, Unsent>();
  /** In the order of their first calls. Only `retry` takes one away, so that it stays the same while it is gone through. */
  const queues = new Map<Connection, Set<Waiting>>();
  let retrying = false;

  /** Whether there was room. */
  function proceed({ call, bytes, isSend, proceed: go }: Waiting): boolean {
    const { connection } = call;
    const part = pool.take({ owner: connection.peer, member: connection, amount: bytes }, holderOf(call));
    if (part === null) return false;
    call.waitsForRoom = false;
    if (isSend) hold(call, part);
    else part.release();
    go();
    return true;
  }

  function hold(call: OpenCall, part: PoolPart): void {
    const since = clock.monotonicTime();
    unsent.set(call, { since, part });
    call.stalledSince = since;
  }

  /** What there is room for goes at once: its peer may take it while it does not take longer ones of other calls. */
  function wait(entry: Waiting): void {
    const queue = queues.get(entry.call.connection);
    if ((queue === undefined || pool.hasRoom(entry.bytes)) && proceed(entry)) return;
    entry.call.waitsForRoom = true;
    if (queue === undefined) queues.set(entry.call.connection, new Set([entry]));
    else queue.add(entry);
    retryLater();
  }

  function retryLater(): void {
    if (retrying || queues.size === 0) return;
    retrying = true;
    clock.schedule(RETRY_MS, () => {
      retrying = false;
      retry();
      retryLater();
    });
  }

  /** Connections that take what they get go first. */
  function retry(): void {
    let refused = Number.POSITIVE_INFINITY;
    const slow = new Set([...unsent.keys()].map(({ connection }) => connection));
    const inOrder = [...queues].sort(([a], [b]) => Number(slow.has(a)) - Number(slow.has(b)));
    for (const [connection, queue] of inOrder) {
      for (const next of queue) {
        if (next.bytes >= refused) continue;
        if (proceed(next)) queue.delete(next);
        else refused = next.bytes;
      }
      if (queue.size === 0) queues.delete(connection);
    }
  }

  function taken(call: OpenCall): void {
    unsent.get(call)?.part.release();
    if (unsent.delete(call)) call.stalledSince = null;
  }

  return {
    whenRoom(call, bytes, go) {
      if (queues.size === 0 && pool.hasRoom(bytes)) go();
      else wait({ call, bytes, isSend: false, proceed: go });
    },
    send: (call, bytes, go) => wait({ call, bytes, isSend: true, proceed: go }),
    taken,
    close(call) {
      taken(call);
      const queue = queues.get(call.connection);
      for (const entry of queue ?? []) if (entry.call === call) queue?.delete(entry);
    },
    sweep(now) {
      for (const [call, { since }] of unsent) {
        if (now - since < limits.responseTimeout) return;
        call.endBy("response_time", TOO_LATE);
      }
    },
  };
}

/** A call as the holder of a message that its peer has not taken. */
function holderOf(call: OpenCall): PoolHolder {
  return { yields: () => call.yields(), evict: () => call.endBy("unsent_bytes", TOO_MUCH_MEMORY) };
}
