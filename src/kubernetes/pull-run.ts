import { LabImagesError } from "../domain/errors.ts";
import {
  PullCancelledError,
  type PullFailure,
  type PullOrder,
  type PullOutcome,
  PullReleasedError,
} from "../domain/pull.ts";
import { pause } from "./deadline.ts";
import { explainByEvents } from "./pod-events.ts";
import type { PodState } from "./pod-object.ts";
import { judgePod } from "./pod-verdict.ts";
import { deletedFailure, withEvent } from "./pod-words.ts";
import { prepullPodName } from "./prepull-pod.ts";
import { isOurs, newsOrTime, type PullAttempt, type PullContext } from "./pull-attempt.ts";
import { obtainPod } from "./pull-obtain.ts";

/** Between two tries to delete a pod; milliseconds. */
const REMOVE_RETRY_MS = 500;

/** One pull from its beginning to its end, as `Puller.pull` says. One at a time for each name of a pod. */
export async function runPull(context: PullContext, order: PullOrder, signal: AbortSignal): Promise<PullOutcome> {
  signal.throwIfAborted();
  const released = new AbortController();
  const onAbort = () => {
    if (!(signal.reason instanceof PullCancelledError)) released.abort(signal.reason);
  };
  signal.addEventListener("abort", onAbort, { once: true });
  const name = prepullPodName(order.nodeUid, order.digest);
  const subscription = context.follower.follow(name);
  const deadlineTime = context.clock.monotonicTime() + order.timeout;
  const attempt = { order, name, subscription, deadlineTime, signal, writeSignal: released.signal };
  try {
    return await carryOut(context, attempt);
  } catch (error) {
    if (!signal.aborted) throw error;
    if (signal.reason instanceof PullCancelledError) await removeCancelled(context, attempt);
    throw signal.reason;
  } finally {
    signal.removeEventListener("abort", onAbort);
    subscription.release();
  }
}

async function carryOut(context: PullContext, attempt: PullAttempt): Promise<PullOutcome> {
  const obtained = await obtainPod(context, attempt);
  if ("failure" in obtained) return { kind: "failed", ...obtained.failure };
  const { pod } = obtained;
  attempt.subscription.expect(pod);
  const failure = await followPod(context, attempt, pod);
  attempt.signal.throwIfAborted();
  await remove(context, pod, attempt.writeSignal);
  return failure === null ? { kind: "pulled" } : { kind: "failed", ...failure };
}

/** Follows a pod until it has proven the pull (null) or has failed. */
async function followPod(context: PullContext, attempt: PullAttempt, first: PodState): Promise<PullFailure | null> {
  const { clock, limits } = context;
  let doubtTime = Number.POSITIVE_INFINITY;
  for (;;) {
    const seen = attempt.subscription.seen(first.uid) ?? { pod: first, gone: false };
    const verdict = judgePod(seen.pod);
    if (verdict.kind === "pulled") return null;
    if (verdict.kind === "failed") return explained(context, attempt, seen.pod, verdict.failure);
    if (seen.gone) return deletedFailure(seen.pod.disruption?.reason ?? "", seen.pod.disruption?.message ?? "");
    const now = clock.monotonicTime();
    if (now >= attempt.deadlineTime) return timedOut(context, attempt, seen.pod);
    if (verdict.kind === "open") doubtTime = Number.POSITIVE_INFINITY;
    else doubtTime = Math.min(doubtTime, now + limits.doubtMs);
    if (verdict.kind === "doubtful" && now >= doubtTime) return verdict.failure;
    await newsOrTime(clock, attempt, Math.min(attempt.deadlineTime, doubtTime));
  }
}

/** A back-off tells of an earlier failure, and its cause is often in the events alone. */
async function explained(
  { events }: PullContext,
  { signal }: PullAttempt,
  pod: PodState,
  failure: PullFailure,
): Promise<PullFailure> {
  const silent = pod.waiting?.message === "" || /^Back-off pulling image "[^"]*"$/.test(pod.waiting?.message ?? "");
  if (pod.waiting === null || !silent) return failure;
  return withEvent(failure, await explainByEvents(events, pod, signal));
}

/** The time is over: looks once more, past the watch, and says how far the pod has got. */
async function timedOut(context: PullContext, attempt: PullAttempt, known: PodState): Promise<PullFailure | null> {
  const { api, limits, events } = context;
  const { order, signal } = attempt;
  const now = await api.get(known.name, limits.lastLookMs, signal).catch((error: unknown) => {
    if (signal.aborted || !(error instanceof LabImagesError)) throw error;
    return null;
  });
  const pod = now?.uid === known.uid ? now : known;
  const verdict = judgePod(pod);
  if (verdict.kind === "pulled") return null;
  if (verdict.kind !== "open") return verdict.failure;
  const within = `within ${Math.round(order.timeout / 1_000)} s`;
  const message =
    pod.waiting === null
      ? `the kubelet of the node has not taken the pod up ${within}`
      : `no container was created from the image ${within}`;
  const event = await explainByEvents(events, pod, signal);
  return withEvent({ reason: "Timeout", message }, event);
}

/**
 * Removes the pod at the end of its pull. What cannot be removed is left to `recover`; a refusal by the leadership ends
 * the pull as if it had been released.
 */
async function remove(context: PullContext, pod: PodState, signal: AbortSignal): Promise<void> {
  const { api, clock, limits, logger } = context;
  const until = clock.monotonicTime() + limits.removeMs;
  for (;;) {
    const left = until - clock.monotonicTime();
    try {
      return await api.remove(pod, left, signal);
    } catch (error) {
      if (signal.aborted || !(error instanceof LabImagesError)) throw error;
      if (until - clock.monotonicTime() <= REMOVE_RETRY_MS) {
        logger.warn({ err: error, pod: pod.name, node: pod.node }, "a pod of the prepuller is left over");
        return;
      }
    }
    await pause(clock, REMOVE_RETRY_MS, signal);
  }
}

/** Removes the pod of a pull that is not wanted any more, whether we have made or only found it. */
async function removeCancelled(context: PullContext, attempt: PullAttempt): Promise<void> {
  const { api, limits, settings, logger } = context;
  try {
    const pod = await api.get(attempt.name, limits.readMs, attempt.writeSignal);
    if (pod !== null && isOurs(settings, pod)) await remove(context, pod, attempt.writeSignal);
  } catch (error) {
    if (error instanceof PullReleasedError || attempt.writeSignal.aborted) return;
    if (!(error instanceof LabImagesError)) throw error;
    logger.warn({ err: error, pod: attempt.name }, "the pod of a cancelled pull is left over");
  }
}
