import { constants, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import type { ServerInterceptingCallInterface, StatusObject } from "@grpc/grpc-js";
import { TooManyStreamsError } from "../../domain/errors.ts";
import type { GrpcLimit } from "../../domain/peer-limits.ts";
import type { PoolHolder, PoolRequest } from "../../lib/concurrency.ts";
import type { Clock } from "../../ports.ts";

/** One connection of a peer. */
export interface Connection {
  readonly session: ServerHttp2Session;
  /** Below the session. */
  readonly socket: Socket;
  /** Whose share of the limits the connection counts for. */
  readonly peer: string;
  /** `Clock.monotonicTime`. */
  readonly openedAt: number;
  readonly calls: Set<OpenCall>;
  /** When its last call ended, or it was opened (`Clock.monotonicTime`). */
  idleSince: number;
  /** What a call asks of the pool of calls. */
  readonly request: PoolRequest;
}

/** What every call needs. */
export interface CallDeps {
  readonly clock: Clock;
  /** Calls that may be open at one time. */
  readonly calls: number;
  /** The status of whatever ends a call. */
  readonly statusOf: (error: unknown) => StatusObject;
  /** A limit has cut or refused this peer. */
  readonly onLimit: (limit: GrpcLimit, peer: string) => void;
}

/** Milliseconds after which a call that waits for its peer gives way to others. */
const STALL_MS = 500;

/** One call from its headers to the end of its HTTP/2 stream. */
export class OpenCall implements PoolHolder {
  readonly connection: Connection;
  readonly stream: ServerHttp2Stream;
  /** `Clock.monotonicTime`. */
  readonly openedAt: number;
  /**
   * Since when the call waits for its peer (`Clock.monotonicTime`): for the rest of the request, or until the peer takes what
   * was sent. Null while the server works on it, or it waits for room that others hold.
   */
  stalledSince: number | null;
  /** Whether it waits until there is room for its next message. */
  waitsForRoom = false;
  /** grpc-js's side of the call; null before it is served. */
  next: ServerInterceptingCallInterface | null = null;
  readonly #deps: CallDeps;

  constructor(connection: Connection, stream: ServerHttp2Stream, deps: CallDeps) {
    this.connection = connection;
    this.stream = stream;
    this.openedAt = deps.clock.monotonicTime();
    this.stalledSince = this.openedAt;
    this.#deps = deps;
  }

  isStalled(forMs: number): boolean {
    return this.stalledSince !== null && this.#deps.clock.monotonicTime() - this.stalledSince >= forMs;
  }

  yields(): boolean {
    return this.isStalled(STALL_MS);
  }

  evict(): void {
    this.endBy("calls", new TooManyStreamsError(this.#deps.calls));
  }

  /** Ends the call, since it, or its peer, has come to a limit. */
  endBy(limit: GrpcLimit, error: unknown): void {
    this.#deps.onLimit(limit, this.connection.peer);
    this.fail(error);
  }

  /** Ends the call with the status of this failure; without one where its peer takes nothing, or has not sent its requests. */
  fail(error: unknown): void {
    const { stream, next } = this;
    if (next === null || (stream.headersSent && this.stalledSince !== null)) {
      stream.close(constants.NGHTTP2_CANCEL);
      return;
    }
    const { headersSent } = stream;
    next.sendStatus(this.#deps.statusOf(error));
    // To close a stream that has trailers to send makes Node 24 spin in its HTTP/2 library; it closes by itself.
    if (!headersSent) stream.close(constants.NGHTTP2_NO_ERROR);
  }
}
