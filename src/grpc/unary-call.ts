import type { handleUnaryCall } from "@grpc/grpc-js";
import { status } from "@grpc/grpc-js";
import { type LabImagesError, ShuttingDownError } from "../domain/errors.ts";
import { type CallSettings, callEnding, type EndingCall, recordCall } from "./call.ts";
import { statusOf } from "./error-table.ts";

/** What a handler may know of its call besides the request. */
interface UnaryContext {
  /** Aborts, with a CancelledError or DeadlineExceededError, when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

/** Answers one call with an encoded message. What it throws or rejects with goes through the error table. */
export type UnaryHandler<Request> = (request: Request, context: UnaryContext) => Buffer | Promise<Buffer>;

/**
 * Wraps a handler for grpc-js, so that nothing it throws can hang a caller or leak to it. A call whose caller has gone is
 * over at once; its handler learns of it by the signal, and what it still answers is dropped.
 */
export function unaryCall<Request>(
  method: string,
  handler: UnaryHandler<Request>,
  settings: CallSettings,
): handleUnaryCall<Request, Buffer> {
  return (call, callback) => {
    const started = settings.clock.monotonicTime();
    let finished = false;

    function finish(code: status): boolean {
      if (finished) return false;
      finished = true;
      recordCall(settings, method, code, started);
      return true;
    }

    function answer(bytes: Buffer): void {
      if (finish(status.OK)) callback(null, bytes);
    }

    function fail(error: unknown): void {
      if (finished) return;
      const failure = statusOf(error, method, settings);
      if (finish(failure.code)) callback(failure);
    }

    function abandon(error: LabImagesError): void {
      finish(statusOf(error, method, settings).code);
    }

    try {
      if (settings.stopping()) throw new ShuttingDownError();
      const context = lazyContext(call, abandon);
      const result = handler(call.request, context);
      if (Buffer.isBuffer(result)) answer(result);
      else result.then(answer, fail);
    } catch (error) {
      fail(error);
    }
  };
}

/** Most handlers answer at once and never look at the signal, so it is made when it is asked for. */
function lazyContext(call: EndingCall, abandoned: (error: LabImagesError) => void): UnaryContext {
  let controller: AbortController | null = null;
  return {
    get signal() {
      if (controller === null) {
        const made = new AbortController();
        controller = made;
        callEnding(call, (error) => {
          abandoned(error);
          made.abort(error);
        });
      }
      return controller.signal;
    },
  };
}
