import { LabImagesError } from "../domain/errors.ts";
import { PullReleasedError, type RecoveredPull } from "../domain/pull.ts";
import { isFinished, isOverdue, type PodState } from "./pod-object.ts";
import { isOurs, type PullContext } from "./pull-attempt.ts";

/** Deletions at one time. */
const CONCURRENCY = 8;

/** Whose pods are not to be touched, and which pulls are wanted. */
export interface RecoverQuestions {
  /** Whether a pull of this process sees to the pod of this name. */
  readonly isRunning: (name: string) => boolean;
  readonly isWanted: (nodeUid: string, digest: string) => boolean;
}

/**
 * Sees to pods that nobody sees to, as `Puller.recover` says. A pod that cannot be removed now is found again the next
 * time; to count it twice does no harm.
 */
export async function recoverPods(
  context: PullContext,
  questions: RecoverQuestions,
  signal: AbortSignal,
): Promise<readonly RecoveredPull[]> {
  const { pods } = await context.api.list(signal);
  const leftOver = pods.filter((pod) => isOurs(context.settings, pod) && !questions.isRunning(pod.name));
  const recovered = leftOver
    .filter(({ imageId }) => imageId !== "")
    .map(({ node, nodeUid, digest }) => ({ node, nodeUid, digest }));
  const useless = leftOver.filter((pod) => isUseless(context, questions, pod));
  await removeAll(context, questions, useless, signal);
  return recovered;
}

/** A pod that is being deleted goes by itself, unless its kubelet has gone as well: then it is overdue one day. */
function isUseless({ clock, limits }: PullContext, { isWanted }: RecoverQuestions, pod: PodState): boolean {
  if (isOverdue(pod, clock.wallTime(), limits.overdueSlackMs)) return true;
  if (pod.deleting) return false;
  return pod.imageId !== "" || isFinished(pod) || !isWanted(pod.nodeUid, pod.digest);
}

async function removeAll(
  { api, limits, logger }: PullContext,
  { isRunning }: RecoverQuestions,
  pods: readonly PodState[],
  signal: AbortSignal,
): Promise<void> {
  const waiting = [...pods];
  async function work(): Promise<void> {
    for (let pod = waiting.shift(); pod !== undefined; pod = waiting.shift()) {
      // A pull of its name may have begun meanwhile.
      if (isRunning(pod.name)) continue;
      try {
        await api.remove(pod, limits.removeMs, signal);
        logger.info({ pod: pod.name, node: pod.node }, "removed a left over pod");
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof PullReleasedError) return;
        if (!(error instanceof LabImagesError)) throw error;
        logger.warn({ err: error, pod: pod.name, node: pod.node }, "a left over pod cannot be removed");
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(CONCURRENCY, pods.length) }, work));
}
