import { type handleUnaryCall, type sendUnaryData, status } from "@grpc/grpc-js";
import { ShuttingDownError } from "../../domain/errors.ts";
import { type CallDeps, type EndingCall, failureOf, onCallEnded, type RecordedCall, recordCall } from "./call.ts";

/**
 * Returns the encoded response of one call. What it throws or rejects with goes through the error table. `call` is for
 * `abortSignal`, which handlers that wait pass on to what they wait for.
 */
export type UnaryHandler<Request> = (request: Request, call: EndingCall) => Buffer | Promise<Buffer>;

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
    const record = { method, startedAt: deps.clock.monotonicTime(), call };
    try {
      if (deps.stopping()) throw new ShuttingDownError();
      const result = handler(call.request, call);
      if (Buffer.isBuffer(result)) {
        callback(null, result);
        recordCall(deps, record, status.OK);
      } else {
        respondLater({ record, deps, callback }, call, result);
      }
    } catch (error) {
      fail({ record, deps, callback }, error);
    }
  };
}

/** One call under way. */
interface Attempt {
  readonly record: RecordedCall;
  readonly deps: CallDeps;
  readonly callback: sendUnaryData<Buffer>;
}

function fail({ record, deps, callback }: Attempt, error: unknown): void {
  const failure = failureOf(deps, record, error);
  callback(failure);
  recordCall(deps, record, failure.code);
}

/** A call whose caller has gone is over at once; the signal reports that to its handler, whose response is dropped. */
function respondLater(attempt: Attempt, call: EndingCall, result: Promise<Buffer>): void {
  const { record, deps, callback } = attempt;
  let over = false;
  onCallEnded(call, (error) => {
    if (over) return;
    over = true;
    recordCall(deps, record, failureOf(deps, record, error).code);
  });
  result.then(
    (bytes) => {
      if (over) return;
      over = true;
      callback(null, bytes);
      recordCall(deps, record, status.OK);
    },
    (error: unknown) => {
      if (over) return;
      over = true;
      fail(attempt, error);
    },
  );
}
