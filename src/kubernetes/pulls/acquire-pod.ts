import { LabImagesError } from "../../domain/errors.ts";
import type { PullFailure } from "../../domain/prepull/pull.ts";
import { pause } from "../../lib/abort.ts";
import { evaluatePod } from "../pods/evaluate-pod.ts";
import { failureOf, refusalOf, unavailability } from "../pods/pod-failure.ts";
import { isFinished, isOverdue, type PodState } from "../pods/pod-object.ts";
import { buildPrepullPod } from "../pods/prepull-pod.ts";
import { changeOrTime, isOurs, type PullAttempt, type PullContext } from "./pull-attempt.ts";

/** The pod of a pull, or why it has none. */
export type AcquiredPod = { readonly pod: PodState } | { readonly failure: PullFailure };

/** It is unknown whether the pod exists, or what it is, because of this fault. */
interface Unclear {
  readonly unclear: LabImagesError;
}

/**
 * Creates the pod of a pull, or adopts the live one that has its name: the name is the fence between replicas. What is
 * in its way is waited for, where it is going, or removed, where it has ended without the image or should have. A pod
 * that proves the pull is taken as it is. Rejects for an abort, and with a PullReleasedError.
 */
export async function acquirePod(context: PullContext, attempt: PullAttempt): Promise<AcquiredPod> {
  const { clock, limits } = context;
  for (let fruitless = 0; ; ) {
    if (clock.monotonicTime() >= attempt.deadlineTime) return { failure: NO_TIME };
    const creation = await create(context, attempt);
    if (!("unclear" in creation)) return creation;
    const found = await lookFor(context, attempt);
    if (found === "freed") continue;
    if (found !== "none" && !("unclear" in found)) return found;
    fruitless += 1;
    const { unclear } = found === "none" ? creation : found;
    if (fruitless >= limits.maxTries) return { failure: unavailability(unclear) };
    await pause(clock, limits.retryMs, attempt.signal);
  }
}

const NO_TIME: PullFailure = {
  failureClass: "timeout",
  reason: "Timeout",
  message: "the name of the pod did not get free in time: another pod of the name has not ended",
};

/** One try. A conflict is unclear, too: it may be of the name, and then there is a pod, or of a quota's object. */
async function create(
  context: PullContext,
  { order, signal, writeSignal }: PullAttempt,
): Promise<AcquiredPod | Unclear> {
  signal.throwIfAborted();
  const owner = await context.owner.current(signal);
  try {
    const pod = await context.api.create(buildPrepullPod(context.settings, order, owner), writeSignal);
    return { pod };
  } catch (error) {
    if (writeSignal.aborted || !(error instanceof LabImagesError)) throw error;
    context.owner.invalidate();
    const failure = refusalOf(error);
    return failure === null ? { unclear: error } : { failure };
  }
}

/** Handles the pod that has the name, if there is one. */
async function lookFor(context: PullContext, attempt: PullAttempt): Promise<AcquiredPod | Unclear | "none" | "freed"> {
  attempt.signal.throwIfAborted();
  try {
    const pod = await context.api.get(attempt.name, context.limits.readMs, attempt.signal);
    return pod === null ? "none" : await takeOver(context, attempt, pod);
  } catch (error) {
    if (attempt.signal.aborted || !(error instanceof LabImagesError)) throw error;
    const failure = refusalOf(error);
    return failure === null ? { unclear: error } : { failure };
  }
}

async function takeOver(context: PullContext, attempt: PullAttempt, pod: PodState): Promise<AcquiredPod | "freed"> {
  const { clock, limits, api, settings, logger } = context;
  if (!isOurs(settings, pod)) return { failure: foreign(pod) };
  if (evaluatePod(pod).kind === "pulled") return { pod };
  if (pod.deleting) return waitUntilGone(context, attempt, pod);
  if (!isFinished(pod) && !isOverdue(pod, clock.wallTime(), limits.overdueSlackMs)) {
    logger.info({ pod: pod.name, node: pod.node }, "adopting the pod of an earlier pull");
    return { pod };
  }
  await api.remove(pod, limits.removeMs, attempt.writeSignal);
  return "freed";
}

/** Waits for a pod that is being deleted; one that its kubelet does not let go is deleted by force. */
async function waitUntilGone(
  context: PullContext,
  attempt: PullAttempt,
  pod: PodState,
): Promise<AcquiredPod | "freed"> {
  const { clock, limits, api } = context;
  attempt.subscription.expect(pod);
  const until = Math.min(clock.monotonicTime() + limits.goingMs, attempt.deadlineTime);
  for (;;) {
    const seen = attempt.subscription.seen(pod.uid);
    if (seen !== undefined && evaluatePod(seen.pod).kind === "pulled") return { pod: seen.pod };
    if (seen?.gone === true) return "freed";
    if (clock.monotonicTime() >= until) break;
    await changeOrTime(clock, attempt, until);
  }
  await api.remove(pod, limits.removeMs, attempt.writeSignal);
  return "freed";
}

function foreign({ name, instance }: PodState): PullFailure {
  const whose = instance === "" ? "which is not a prepuller's" : `which belongs to the prepuller "${instance}"`;
  return failureOf("AlreadyExists", `${name}, ${whose}`);
}
