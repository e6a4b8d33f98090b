import { type handleUnaryCall, type sendUnaryData, status } from "@grpc/grpc-js";
import { ShuttingDownError } from "../../domain/errors.ts";
import { type CallDeps, type EndingCall, onCallEnded, recordCall } from "./call.ts";
import { statusOf } from "./error-table.ts";

/**
 * Returns the encoded response of one call. What it throws or rejects with goes through the error table. `call` is for
 * `abortSignal`, which handlers that wait pass on to what they wait for.
 */
export type UnaryHandler<Request> = (request: Request, call: EndingCall) => Buffer | Promise<Buffer>;

/** One call under way. */
interface Attempt {
  readonly method: string;
  readonly deps: CallDeps;
  /** `Clock.monotonicTime`. */
  readonly startedAt: number;
}

/**
 * Wraps a handler for grpc-js, so that nothing it throws can hang a caller or leak to it. Most handlers respond at once:
 * for them no listener is registered.
 */
export function unaryCall<Request>(
  method: string,
  handler: UnaryHandler<Request>,
  deps: CallDeps,
): handleUnaryCall<Request, Buffer> {
  return (call, callback) => {
    const startedAt = deps.clock.monotonicTime();
    try {
      if (deps.stopping()) throw new ShuttingDownError();
      const result = handler(call.request, call);
      if (Buffer.isBuffer(result)) {
        callback(null, result);
        recordCall(deps, method, status.OK, startedAt);
      } else {
        respondLater({ method, deps, startedAt }, call, result, callback);
      }
    } catch (error) {
      fail({ method, deps, startedAt }, error, callback);
    }
  };
}

function fail({ method, deps, startedAt }: Attempt, error: unknown, callback: sendUnaryData<Buffer>): void {
  const failure = statusOf(error, method, deps);
  callback(failure);
  recordCall(deps, method, failure.code, startedAt);
}

/** A call whose caller has gone is over at once; the signal reports that to its handler, whose response is dropped. */
function respondLater(
  attempt: Attempt,
  call: EndingCall,
  result: Promise<Buffer>,
  callback: sendUnaryData<Buffer>,
): void {
  const { method, deps, startedAt } = attempt;
  let over = false;
  onCallEnded(call, (error) => {
    if (over) return;
    over = true;
    recordCall(deps, method, statusOf(error, method, deps).code, startedAt);
  });
  result.then(
    (bytes) => {
      if (over) return;
      over = true;
      callback(null, bytes);
      recordCall(deps, method, status.OK, startedAt);
    },
    (error: unknown) => {
      if (over) return;
      over = true;
      fail(attempt, error, callback);
    },
  );
}
