import { type ServerUnaryCall, type StatusObject, status } from "@grpc/grpc-js";
import { CancelledError, DeadlineExceededError, type LabImagesError } from "../../domain/errors.ts";
import type { GrpcLimit } from "../../domain/peer-limits.ts";
import { peerOf } from "../../lib/net.ts";
import type { Clock } from "../../ports.ts";
import { traceOf } from "./call-trace.ts";
import { type FailureLog, statusOf } from "./error-table.ts";
import { knownCaller } from "./known-callers.ts";

/** Observes calls, for metrics. Must not throw. */
export interface CallObserver {
  /** A call of one of our handlers is over; `code` is the name of its gRPC status. */
  callFinished(call: { readonly method: string; readonly code: string; readonly seconds: number }): void;
  /** How many streams are open now. */
  streamsOpen(count: number): void;
  /** A limit has cut or refused this peer. */
  limitReached(limit: GrpcLimit, peer: string): void;
}

/** Collaborators of every wrapped call. */
export interface CallDeps extends FailureLog {
  readonly clock: Clock;
  readonly observer: CallObserver;
  /** Whether each call is logged, at debug. */
  readonly logsCalls: boolean;
  /** Whether the server has begun to stop: new calls are refused. */
  stopping(): boolean;
}

type AnyCall = ServerUnaryCall<unknown, unknown>;

/** The part of a call of any kind that ends it, and names its caller. */
export type EndingCall = Pick<AnyCall, "once" | "getDeadline" | "cancelled" | "getPeer" | "metadata">;

/** Whose share of the limits a call counts for: a caller that is known, or a network address. */
export function callerOf(call: Pick<EndingCall, "getPeer" | "metadata">): string {
  return knownCaller(call.metadata)?.name ?? peerOf(call.getPeer().replace(/:\d+$/, ""));
}

/** A call that ends now, or has ended. */
export interface RecordedCall {
  readonly method: string;
  /** `Clock.monotonicTime`. */
  readonly startedAt: number;
  readonly call: Pick<EndingCall, "getPeer" | "metadata">;
}

/** Reports a finished call to the observer and, at debug, to the log. */
export function recordCall(deps: CallDeps, { method, startedAt, call }: RecordedCall, code: status): void {
  const seconds = (deps.clock.monotonicTime() - startedAt) / 1_000;
  deps.observer.callFinished({ method, code: status[code], seconds });
  if (!deps.logsCalls) return;
  const fields = { method, code: status[code], durationMs: seconds * 1_000, caller: callerOf(call) };
  deps.logger.debug({ ...fields, ...traceOf(call.metadata) }, "call finished");
}

/** Returns the status for a failure of this call, and logs what its caller must not see with the call's trace. */
export function failureOf(deps: CallDeps, { method, call }: RecordedCall, error: unknown): StatusObject {
  return statusOf(error, method, { ...deps, logger: deps.logger.child(traceOf(call.metadata)) });
}

/** In ms. A caller's own timer fires, and its cancellation arrives, before ours, which started a message later. */
const DEADLINE_SLACK_MS = 50;

function reason(call: EndingCall): LabImagesError {
  const deadline = Number(call.getDeadline());
  return Date.now() >= deadline - DEADLINE_SLACK_MS ? new DeadlineExceededError() : new CancelledError();
}

/**
 * Calls `ended` once when the call is over for grpc-js: the caller has gone or its deadline has passed, but also after a
 * response (the event `cancelled` does not distinguish them).
 */
export function onCallEnded(call: EndingCall, ended: (error: LabImagesError) => void): void {
  if (call.cancelled) ended(reason(call));
  else call.once("cancelled", () => ended(reason(call)));
}

/** A signal that aborts, with a CancelledError or DeadlineExceededError, when nobody waits for the response. */
export function abortSignal(call: EndingCall): AbortSignal {
  const controller = new AbortController();
  onCallEnded(call, (error) => controller.abort(error));
  return controller.signal;
}
