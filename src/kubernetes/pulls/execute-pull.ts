import { LabImagesError } from "../../domain/errors.ts";
import type { PullFailureClass } from "../../domain/prepull/failure-table.ts";
import {
  PullCancelledError,
  type PullFailure,
  type PullOrder,
  type PullOutcome,
  PullReleasedError,
} from "../../domain/prepull/pull.ts";
import { pause } from "../../lib/abort.ts";
import type { PullControl } from "../../ports.ts";
import { evaluatePod, failingOther } from "../pods/evaluate-pod.ts";
import { explainByEvents, MISSING_PULL_SECRET, SANDBOX_REASONS } from "../pods/pod-events.ts";
import { deletedFailure, failureOf, withDetail } from "../pods/pod-failure.ts";
import type { PodState } from "../pods/pod-object.ts";
import { prepullPodName } from "../pods/prepull-pod.ts";
import { acquirePod } from "./acquire-pod.ts";
import { changeOrTime, isOurs, type PullAttempt, type PullContext } from "./pull-attempt.ts";

/** Between two attempts to delete a pod. */
const REMOVE_RETRY_MS = 500;

/** One pull from its beginning to its end, as `Puller.pull` says. One at a time for each name of a pod. */
export async function executePull(context: PullContext, order: PullOrder, control: PullControl): Promise<PullOutcome> {
  const { signal, withdrawn } = control;
  signal.throwIfAborted();
  const released = new AbortController();
  const onAbort = () => {
    if (!(signal.reason instanceof PullCancelledError)) released.abort(signal.reason);
  };
  signal.addEventListener("abort", onAbort, { once: true });
  const name = prepullPodName(context.settings.instance, order.nodeUid, order.digest);
  const subscription = context.follower.follow(name);
  const deadlineTime = context.clock.monotonicTime() + order.timeout;
  const attempt = { order, name, subscription, deadlineTime, signal, writeSignal: released.signal };
  try {
    return await carryOut(context, attempt, control);
  } catch (error) {
    const reason: unknown = signal.aborted ? signal.reason : withdrawn.aborted ? new PullCancelledError() : null;
    if (reason === null) throw error;
    if (reason instanceof PullCancelledError) await removeCancelled(context, attempt);
    throw reason;
  } finally {
    signal.removeEventListener("abort", onAbort);
    subscription.release();
  }
}

async function carryOut(context: PullContext, attempt: PullAttempt, control: PullControl): Promise<PullOutcome> {
  // Once there is a pod, its pull goes on whether anybody waits for it or not, and the pod shows its end.
  const obtaining = { ...attempt, signal: AbortSignal.any([attempt.signal, control.withdrawn]) };
  const obtained = await acquirePod(context, obtaining);
  if ("failure" in obtained) return { kind: "failed", ...obtained.failure };
  control.onAccepted();
  const { pod } = obtained;
  attempt.subscription.expect(pod);
  const failure = await followPod(context, attempt, pod, control);
  attempt.signal.throwIfAborted();
  await remove(context, attempt, (milliseconds) => context.api.remove(pod, milliseconds, attempt.writeSignal));
  return failure === null ? { kind: "pulled" } : { kind: "failed", ...failure };
}

/** Follows a pod until it has proven the pull (null) or has failed. */
async function followPod(
  context: PullContext,
  attempt: PullAttempt,
  first: PodState,
  { overdue, onStalled }: PullControl,
): Promise<PullFailure | null> {
  const { clock, limits } = context;
  // The watch may be behind what an adopted pod has shown already.
  if (evaluatePod(first).kind === "pulled") return null;
  let doubtTime = Number.POSITIVE_INFINITY;
  let hasStalled = false;
  for (;;) {
    const seen = attempt.subscription.seen(first.uid) ?? { pod: first, gone: false };
    const verdict = evaluatePod(seen.pod);
    if (verdict.kind === "pulled") return null;
    // Deleted, perhaps by the garbage collector because the owner has gone: many servers mark a pod before it goes.
    if (seen.gone || seen.pod.deleting) context.owner.invalidate();
    if (verdict.kind === "failed") return explained(context, attempt, seen.pod, verdict.failure);
    if (seen.gone) {
      return deletedFailure(seen.pod.disruption?.reason ?? "", seen.pod.disruption?.message ?? "");
    }
    if (overdue.aborted && !hasStalled) {
      const { isOver, failure } = await lookOnceMore(context, attempt, seen.pod);
      if (isOver) return failure;
      hasStalled = true;
      onStalled(failure);
      continue;
    }
    const now = clock.monotonicTime();
    if (verdict.kind === "open") doubtTime = Number.POSITIVE_INFINITY;
    else doubtTime = Math.min(doubtTime, now + limits.doubtMs);
    if (verdict.kind === "doubtful" && now >= doubtTime) return verdict.failure;
    await changeOrTime(clock, attempt, Math.min(doubtTime, now + MAX_WAIT_MS), hasStalled ? undefined : overdue);
  }
}

/** Waits for news are no longer than this, ms; nothing hangs on it. */
const MAX_WAIT_MS = 3_600_000;

/** What registries say to those who have no secret, or the wrong one. */
const DENIALS: ReadonlySet<PullFailureClass> = new Set(["registry-denied", "image-not-found"]);

/**
 * A back-off follows an earlier failure, and before Kubernetes 1.31 its cause is in the events alone; so is, where the
 * registry denies, that the pull secret does not exist.
 */
async function explained(
  { events, settings }: PullContext,
  { signal }: PullAttempt,
  pod: PodState,
  failure: PullFailure,
): Promise<PullFailure> {
  if (pod.waiting?.reason !== failure.reason) return failure;
  const isSilent = /^(?:Back-off pulling image "[^"]*")?$/.test(pod.waiting.message);
  const event = isSilent ? await explainByEvents(events, pod, signal) : null;
  const explained = event === null ? failure : failureOf(failure.reason, event.message);
  if (settings.pullSecret === null || !DENIALS.has(explained.failureClass)) return explained;
  const missing = await explainByEvents(events, pod, signal, MISSING_PULL_SECRET);
  return withDetail(explained, missing?.message ?? "");
}

/** What is known of a pull whose time is over. */
type LastLook =
  | { readonly isOver: true; readonly failure: PullFailure | null }
  | { readonly isOver: false; readonly failure: PullFailure };

/** The time is over: looks once more, past the watch, and says how far the pod has got. */
async function lookOnceMore(context: PullContext, attempt: PullAttempt, known: PodState): Promise<LastLook> {
  const { api, limits, events } = context;
  const { order, signal } = attempt;
  const now = await api.get(known.name, limits.lastLookMs, signal).catch((error: unknown) => {
    if (signal.aborted || !(error instanceof LabImagesError)) throw error;
    return null;
  });
  const pod = now?.uid === known.uid ? now : known;
  const verdict = evaluatePod(pod);
  if (verdict.kind === "pulled") return { isOver: true, failure: null };
  if (verdict.kind !== "open") return { isOver: true, failure: verdict.failure };
  const within = `within ${Math.round(order.timeout / 1_000)} s`;
  const message =
    pod.waiting === null
      ? `the kubelet of the node has not taken the pod up ${within}`
      : `no container was created from the image ${within}`;
  const failure: PullFailure = { failureClass: "timeout", reason: "Timeout", message };
  const other = failingOther(pod);
  if (other !== null) return { isOver: true, failure: withDetail(failure, other.message) };
  const event = await explainByEvents(events, pod, signal);
  if (event === null) return { isOver: false, failure };
  const { failureClass } = SANDBOX_REASONS.has(event.reason) ? failureOf(event.reason, event.message) : failure;
  return { isOver: false, failure: withDetail({ ...failure, failureClass }, event.message) };
}

/**
 * Removes the pod at the end of its pull. What cannot be removed is left to `recover`; a refusal by the leadership ends
 * the pull as if it had been released.
 */
async function remove(context: PullContext, attempt: PullAttempt, removeOnce: RemoveOnce): Promise<void> {
  const { clock, limits, logger } = context;
  const { name, order, writeSignal } = attempt;
  const until = clock.monotonicTime() + limits.removeMs;
  for (;;) {
    try {
      return await removeOnce(until - clock.monotonicTime());
    } catch (error) {
      if (writeSignal.aborted || !(error instanceof LabImagesError)) throw error;
      if (until - clock.monotonicTime() <= REMOVE_RETRY_MS) {
        logger.warn({ err: error, pod: name, node: order.node }, "cannot remove pod: it is left over");
        return;
      }
    }
    await pause(clock, REMOVE_RETRY_MS, writeSignal);
  }
}

/** One attempt to remove a pod. */
type RemoveOnce = (timeoutMs: number) => Promise<void>;

/** Removes the pod of a pull that is no longer wanted, whether this replica created it or found it. */
async function removeCancelled(context: PullContext, attempt: PullAttempt): Promise<void> {
  const { api, settings } = context;
  const { name, writeSignal } = attempt;
  try {
    await remove(context, attempt, async (timeoutMs) => {
      const pod = await api.get(name, timeoutMs, writeSignal);
      if (pod !== null && isOurs(settings, pod)) await api.remove(pod, timeoutMs, writeSignal);
    });
  } catch (error) {
    if (!(error instanceof PullReleasedError) && !writeSignal.aborted) throw error;
  }
}
