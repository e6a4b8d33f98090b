import { type ServerUnaryCall, status } from "@grpc/grpc-js";
import { CancelledError, DeadlineExceededError, type LabImagesError } from "../../domain/errors.ts";
import type { Clock } from "../../ports.ts";
import type { FailureLog } from "./error-table.ts";

/** Is told of calls, for metrics. Must not throw. */
export interface CallObserver {
  /** A call of one of our handlers is over; `code` is the name of its gRPC status. */
  callFinished(call: { readonly method: string; readonly code: string; readonly seconds: number }): void;
  /** How many streams are open now. */
  streamsOpen(count: number): void;
}

/** What every wrapped call needs. */
export interface CallSettings extends FailureLog {
  readonly clock: Clock;
  readonly observer: CallObserver;
  /** Whether the server has begun to stop: new calls are refused. */
  stopping(): boolean;
}

/** Tells the observer of a finished call; `started` is a `Clock.monotonicTime`. */
export function recordCall({ clock, observer }: CallSettings, method: string, code: status, started: number): void {
  const seconds = (clock.monotonicTime() - started) / 1_000;
  observer.callFinished({ method, code: status[code], seconds });
}

/** What this module needs of a call of any kind. */
export type EndingCall = Pick<ServerUnaryCall<unknown, unknown>, "once" | "getDeadline" | "cancelled">;

/** Milliseconds: a caller's own timer rings, and its cancellation arrives, before ours, which started a message later. */
const DEADLINE_SLACK = 50;

function reason(call: EndingCall): LabImagesError {
  const deadline = Number(call.getDeadline());
  return Date.now() >= deadline - DEADLINE_SLACK ? new DeadlineExceededError() : new CancelledError();
}

/**
 * Calls `ended` once when the call is over for grpc-js: the caller has gone or its deadline has passed, but also after an
 * answer (the event `cancelled` says no more).
 */
export function callEnding(call: EndingCall, ended: (error: LabImagesError) => void): void {
  if (call.cancelled) ended(reason(call));
  else call.once("cancelled", () => ended(reason(call)));
}

/** A signal that aborts, with a CancelledError or DeadlineExceededError, when nobody waits for the answer any more. */
export function abortSignal(call: EndingCall): AbortSignal {
  const controller = new AbortController();
  callEnding(call, (error) => controller.abort(error));
  return controller.signal;
}
