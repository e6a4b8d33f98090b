import { type handleServerStreamingCall, Metadata, type ServerWritableStream, status } from "@grpc/grpc-js";
import { ShuttingDownError } from "../../domain/errors.ts";
import { type CallDeps, callerOf, failureOf, onCallEnded, recordCall } from "./call.ts";
import type { StreamRegistry } from "./stream-registry.ts";

/** One stream of messages, as its handler sees it. */
export interface StreamContext {
  /** Whose share of what is limited the stream counts for: a caller that is known, or a network address. */
  readonly peer: string;
  /** Aborts when the stream is over, whoever ended it: the handler has to return, or throw the reason. */
  readonly signal: AbortSignal;
  /** Sends the response headers at once, so that the caller knows that the stream is established. */
  sendHeaders(): void;
  /**
   * Ends the stream with the status of this failure, whether the caller has taken what was sent or not. What the handler has
   * been notified of in this turn is sent before.
   */
  fail(error: unknown): void;
}

/**
 * Serves one stream: each encoded message is asked for when the transport has taken the one before, so a slow reader
 * holds one message (docs/spec/faults.md G1). What the handler throws ends the stream through the error table.
 */
export type StreamHandler<Request> = (request: Request, context: StreamContext) => AsyncIterable<Buffer>;

/** Collaborators of every stream. */
export interface StreamDeps extends CallDeps {
  readonly streams: StreamRegistry;
}

/** Wraps a handler for grpc-js, as `unaryCall` does for single responses. */
export function streamCall<Request>(
  method: string,
  handler: StreamHandler<Request>,
  deps: StreamDeps,
): handleServerStreamingCall<Request, Buffer> {
  return (call) => void serve(method, handler, call, deps);
}

async function serve<Request>(
  method: string,
  handler: StreamHandler<Request>,
  call: ServerWritableStream<Request, Buffer>,
  deps: StreamDeps,
): Promise<void> {
  const record = { method, startedAt: deps.clock.monotonicTime(), call };
  const controller = new AbortController();
  const { signal } = controller;
  const write = createWriter(call, signal);
  let isGone = false;
  onCallEnded(call, (error) => {
    isGone = !signal.aborted;
    controller.abort(error);
  });
  const fail = (error: unknown) => void setImmediate(() => controller.abort(error));
  try {
    if (deps.stopping()) throw new ShuttingDownError();
    const release = deps.streams.open(() => fail(new ShuttingDownError()));
    // The place is free when the transport has released the stream, which a caller that does not read can put off.
    call.once("close", release);
    signal.throwIfAborted();
    const peer = callerOf(call);
    const sendHeaders = () => call.sendMetadata(new Metadata());
    for await (const message of handler(call.request, { peer, signal, sendHeaders, fail })) await write(message);
    signal.throwIfAborted();
    recordCall(deps, record, status.OK);
    call.end();
  } catch (error) {
    const failure = failureOf(deps, record, error);
    recordCall(deps, record, failure.code);
    // The only way to end a grpc-js stream with a status (`destroy` sends none).
    if (!isGone) call.emit("error", failure);
  }
}

/**
 * Sends a message; settles when the transport has taken it, and rejects with the signal's reason. One listener for all
 * messages: thousands of streams are open.
 */
function createWriter(call: ServerWritableStream<unknown, Buffer>, signal: AbortSignal) {
  let reject: ((reason: unknown) => void) | null = null;
  signal.addEventListener("abort", () => reject?.(signal.reason), { once: true });
  return async (message: Buffer): Promise<void> => {
    signal.throwIfAborted();
    await new Promise<void>((resolve, onAborted) => {
      reject = onAborted;
      call.write(message, (error: Error | null | undefined) => {
        // After an error the call ends, which aborts the signal.
        if (error === null || error === undefined) resolve();
      });
    });
    reject = null;
  };
}
