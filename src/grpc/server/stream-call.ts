import { type handleServerStreamingCall, Metadata, type ServerWritableStream, type status } from "@grpc/grpc-js";
import { ShuttingDownError } from "../../domain/errors.ts";
import { peerOf } from "../../lib/net.ts";
import { type CallSettings, callEnding, recordCall } from "./call.ts";
import { statusOf } from "./error-table.ts";
import type { StreamRegistry } from "./stream-registry.ts";

/** The server's side of a stream of messages. After its end every call on it does nothing. */
export interface OpenStream {
  /** Whose share of what is limited the stream counts for. */
  readonly peer: string;
  /** Sends the response headers at once, so that the caller knows that the stream stands. */
  sendHeaders(): void;
  /**
   * Sends one encoded message and calls `accepted` when the transport has taken it. Nothing is merged here: who does not
   * wait for `accepted` makes a queue.
   */
  send(bytes: Buffer, accepted: () => void): void;
  /** Ends the stream with the status of this failure. */
  fail(error: unknown): void;
  /** Calls `ended` once: when the caller has gone, or the stream was ended from this side. */
  onEnd(ended: () => void): void;
}

/** Serves one stream. What it throws ends the stream through the error table; it must not reject. */
export type StreamHandler<Request> = (request: Request, stream: OpenStream) => void;

/** What a wrapped stream needs. */
export interface StreamSettings extends CallSettings {
  readonly streams: StreamRegistry;
}

/** Wraps a handler for grpc-js, as `unaryCall` does for single answers. */
export function streamCall<Request>(
  method: string,
  handler: StreamHandler<Request>,
  settings: StreamSettings,
): handleServerStreamingCall<Request, Buffer> {
  return (call) => {
    const stream = openStream(method, call, settings);
    try {
      if (settings.stopping()) throw new ShuttingDownError();
      const release = settings.streams.open(() => stream.fail(new ShuttingDownError()));
      // The place is free when the transport has let go of the stream, which a caller that does not read can put off.
      call.once("close", release);
      handler(call.request, stream);
    } catch (error) {
      stream.fail(error);
    }
  };
}

function openStream<Request>(
  method: string,
  call: ServerWritableStream<Request, Buffer>,
  settings: CallSettings,
): OpenStream {
  const started = settings.clock.monotonicTime();
  const listeners: (() => void)[] = [];
  let over = false;

  function finish(code: status): void {
    over = true;
    recordCall(settings, method, code, started);
    for (const ended of listeners.splice(0)) ended();
  }

  callEnding(call, (error) => {
    if (!over) finish(statusOf(error, method, settings).code);
  });

  return {
    peer: peerOf(call.getPeer().replace(/:\d+$/, "")),
    sendHeaders() {
      if (!over) call.sendMetadata(new Metadata());
    },
    send(bytes, accepted) {
      if (over) return;
      call.write(bytes, (error: Error | null | undefined) => {
        if (!over && (error === null || error === undefined)) accepted();
      });
    },
    fail(error) {
      if (over) return;
      const failure = statusOf(error, method, settings);
      finish(failure.code);
      // The only way to end a grpc-js stream with a status (`destroy` sends none).
      call.emit("error", failure);
    },
    onEnd(ended) {
      if (over) ended();
      else listeners.push(ended);
    },
  };
}
