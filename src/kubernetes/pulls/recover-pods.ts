import { LabImagesError } from "../../domain/errors.ts";
import {
  type LeftoverPull,
  PullReleasedError,
  type RecoveredPull,
  type RecoveredPulls,
} from "../../domain/prepull/pull.ts";
import { forEachConcurrently } from "../../lib/concurrency.ts";
import { evaluatePod } from "../pods/evaluate-pod.ts";
import { isFinished, isFormerPod, isOverdue, mayStillPull, type PodState } from "../pods/pod-object.ts";
import { instanceLabel } from "../pods/prepull-pod.ts";
import { isOurs, type PullContext } from "./pull-attempt.ts";

/** Deletions at one time. */
const CONCURRENCY = 8;

/** Whose pods are not to be touched, and which pulls are wanted. */
export interface RecoverQuestions {
  /** Names of the pods that pulls of this process see to, as of now; it changes by itself. */
  readonly running: ReadonlyMap<string, unknown>;
  readonly isWanted: (nodeUid: string, digest: string) => boolean;
}

/**
 * Sees to pods that nobody sees to, as `Puller.recover` says. A pod that cannot be removed now is found again the next
 * time, but counted only once: by then the image may have gone from the node.
 */
export async function recoverPods(
  context: PullContext,
  questions: RecoverQuestions,
  signal: AbortSignal,
): Promise<RecoveredPulls> {
  // A pull that ends while the list is under way has seen to its pod, which the list may show all the same.
  const before = new Set(questions.running.keys());
  const { pods } = await context.api.list(signal);
  const isLeft = ({ name }: PodState) => !before.has(name) && !questions.running.has(name);
  const former = await formerPods(context, pods, signal);
  const ours = [...pods.filter((pod) => isOurs(context.settings, pod)), ...former];
  const leftOver = ours.filter(isLeft);
  const recovered = countOnce(context, leftOver);
  const useless = leftOver.filter((pod) => isUseless(context, questions, pod));
  const live = leftOver.filter((pod) => mayStillPull(pod) && !hasOutlived(context, pod));
  await removeAll(context, questions, useless, signal);
  return { ended: recovered, inProgress: live.map(leftoverPull) };
}

/**
 * The pods that the first version left to its next leader. It named them by the lease alone, so their owner says which
 * installation they are of; without owners the lease has to do.
 */
async function formerPods(
  { formerInstance, owner }: PullContext,
  pods: readonly PodState[],
  signal: AbortSignal,
): Promise<readonly PodState[]> {
  const found = pods.filter((pod) => isFormerPod(pod) && pod.instance === instanceLabel(formerInstance));
  if (found.length === 0) return found;
  const ownerUid = (await owner.current(signal))?.uid ?? "";
  return found.filter((pod) => pod.ownerUid === ownerUid);
}

function countOnce({ counted }: PullContext, leftOver: readonly PodState[]): readonly RecoveredPull[] {
  const proven = leftOver.filter((pod) => evaluatePod(pod).kind === "pulled");
  const fresh = proven.filter(({ uid }) => !counted.has(uid));
  counted.clear();
  for (const { uid } of proven) counted.add(uid);
  return fresh.map(({ node, nodeUid, digest }) => ({ node, nodeUid, digest }));
}

function leftoverPull({ node, nodeUid, digest, image }: PodState): LeftoverPull {
  return { node, nodeUid, digest, reference: image };
}

/** A pod that is being deleted goes by itself, unless its kubelet has gone as well: then it is overdue one day. */
function isUseless(context: PullContext, { isWanted }: RecoverQuestions, pod: PodState): boolean {
  if (hasOutlived(context, pod)) return true;
  if (pod.deleting) return false;
  return pod.imageId !== "" || isFinished(pod) || !isWanted(pod.nodeUid, pod.digest);
}

function hasOutlived({ clock, limits }: PullContext, pod: PodState): boolean {
  return isOverdue(pod, clock.wallTime(), limits.overdueSlackMs);
}

async function removeAll(
  { api, limits, logger }: PullContext,
  { running }: RecoverQuestions,
  pods: readonly PodState[],
  signal: AbortSignal,
): Promise<void> {
  await forEachConcurrently(pods, CONCURRENCY, signal, async (pod) => {
    // A pull of its name may have begun meanwhile.
    if (running.has(pod.name)) return;
    try {
      await api.remove(pod, limits.removeMs, signal);
      logger.info({ pod: pod.name, node: pod.node }, "removed leftover pod");
    } catch (error) {
      signal.throwIfAborted();
      // This replica may no longer write: the next leader recovers what is left.
      if (error instanceof PullReleasedError) return;
      if (!(error instanceof LabImagesError)) throw error;
      logger.warn({ err: error, pod: pod.name, node: pod.node }, "cannot remove leftover pod");
    }
  });
}
