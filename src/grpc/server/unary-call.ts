import { type handleUnaryCall, type sendUnaryData, status } from "@grpc/grpc-js";
import { ShuttingDownError } from "../../domain/errors.ts";
import { type CallSettings, callEnding, type EndingCall, recordCall } from "./call.ts";
import { statusOf } from "./error-table.ts";

/**
 * Answers one call with an encoded message. What it throws or rejects with goes through the error table. `call` is for
 * `abortSignal`, which handlers that wait pass on to what they wait for.
 */
export type UnaryHandler<Request> = (request: Request, call: EndingCall) => Buffer | Promise<Buffer>;

/** One call on its way. */
interface Attempt {
  readonly method: string;
  readonly settings: CallSettings;
  /** `Clock.monotonicTime`. */
  readonly started: number;
}

/**
 * Wraps a handler for grpc-js, so that nothing it throws can hang a caller or leak to it. Most handlers answer at once:
 * for them nothing is set up but the answer.
 */
export function unaryCall<Request>(
  method: string,
  handler: UnaryHandler<Request>,
  settings: CallSettings,
): handleUnaryCall<Request, Buffer> {
  return (call, callback) => {
    const started = settings.clock.monotonicTime();
    try {
      if (settings.stopping()) throw new ShuttingDownError();
      const result = handler(call.request, call);
      if (Buffer.isBuffer(result)) {
        callback(null, result);
        recordCall(settings, method, status.OK, started);
      } else {
        answerLater({ method, settings, started }, call, result, callback);
      }
    } catch (error) {
      fail({ method, settings, started }, error, callback);
    }
  };
}

function fail({ method, settings, started }: Attempt, error: unknown, callback: sendUnaryData<Buffer>): void {
  const failure = statusOf(error, method, settings);
  callback(failure);
  recordCall(settings, method, failure.code, started);
}

/**
 * A call whose caller has gone is over at once; its handler learns of it by the signal, and what it still answers is
 * dropped.
 */
function answerLater(
  attempt: Attempt,
  call: EndingCall,
  result: Promise<Buffer>,
  callback: sendUnaryData<Buffer>,
): void {
  const { method, settings, started } = attempt;
  let over = false;
  callEnding(call, (error) => {
    if (over) return;
    over = true;
    recordCall(settings, method, statusOf(error, method, settings).code, started);
  });
  result.then(
    (bytes) => {
      if (over) return;
      over = true;
      callback(null, bytes);
      recordCall(settings, method, status.OK, started);
    },
    (error: unknown) => {
      if (over) return;
      over = true;
      fail(attempt, error, callback);
    },
  );
}
