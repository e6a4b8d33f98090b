import type { PullFailure } from "../../domain/prepull/pull.ts";
import { deletedFailure, failureOf, withDetail } from "./pod-failure.ts";
import { type ContainerState, isFinished, type PodState } from "./pod-object.ts";

/** What a pod's state says of its pull. */
export type PodVerdict =
  /** A container was created from the image. */
  | { readonly kind: "pulled" }
  | { readonly kind: "failed"; readonly failure: PullFailure }
  /** The image may be there; the proof may follow in a moment. */
  | { readonly kind: "doubtful"; readonly failure: PullFailure }
  /** Not decided yet. */
  | { readonly kind: "open" };

const PULLED: PodVerdict = { kind: "pulled" };
const OPEN: PodVerdict = { kind: "open" };

/** Reasons of a container that simply has not got there yet (kubelet, `kubelet_pods.go`). */
const ON_ITS_WAY: ReadonlySet<string> = new Set(["", "ContainerCreating", "PodInitializing"]);

/** Reasons of a container that the kubelet tried to create, and so had the image for. */
const CREATION_ERRORS: ReadonlySet<string> = new Set([
  "CreateContainerConfigError",
  "CreateContainerError",
  "RunContainerError",
  "PreCreateHookError",
  "PreStartHookError",
  "PostStartHookError",
]);

/**
 * Evaluates a pod by its latest state alone, however it has got there. The image's id decides before everything else. The
 * first failure that the kubelet reports for the image ends the pull: its own retries, 10 s to 300 s apart, would hold
 * the cluster's and the node's turn, and ours come at about the same times, with jitter and with others in between.
 */
export function evaluatePod(pod: PodState): PodVerdict {
  if (isReplaced(pod)) return failed(replacedFailure(pod));
  if (pod.imageId !== "") return PULLED;
  if (pod.deleting) {
    const why = pod.disruption ?? pod.said;
    return failed(deletedFailure(why.reason, why.message));
  }
  if (isFinished(pod)) return failed(endOf(pod));
  if (pod.phase === "Unknown") return failed(failureOf(pod.said.reason || "NodeLost", pod.said.message));
  // A kubelet gives a pod a reason of its own only when it is at an end with it; a virtual one leaves it pending for ever.
  if (!ON_ITS_WAY.has(pod.said.reason)) return failed(failureOf(pod.said.reason, pod.said.message));
  const blocker = pod.others.find((container) => container.isInit && isStuck(container));
  if (blocker !== undefined) return failed(injectedFailure(blocker));
  return evaluateWaiting(pod);
}

/** A container beside ours that cannot run, or null: an admission plugin has put it there. */
export function failingOther(pod: PodState): PullFailure | null {
  const container = pod.others.find(isFailing);
  return container === undefined ? null : injectedFailure(container);
}

function evaluateWaiting({ waiting }: PodState): PodVerdict {
  if (waiting === null || ON_ITS_WAY.has(waiting.reason)) return OPEN;
  const failure = failureOf(waiting.reason, waiting.message);
  return CREATION_ERRORS.has(waiting.reason) ? { kind: "doubtful", failure } : failed(failure);
}

/** Why a pod has ended without an image's id: in its own words, those of a container, or none. */
function endOf(pod: PodState): PullFailure {
  const { said, terminated, waiting } = pod;
  if (said.reason !== "") return failureOf(said.reason, said.message);
  const last = terminated ?? waiting;
  if (last !== null && !ON_ITS_WAY.has(last.reason)) return failureOf(last.reason, last.message);
  const other = failingOther(pod);
  if (other !== null) return other;
  return failureOf("ContainerStatusUnknown", said.message || "it has ended without a word on its container");
}

function isFailing(container: ContainerState): boolean {
  return isStuck(container) || (container.terminated !== null && container.exitCode !== 0);
}

function isStuck({ waiting }: ContainerState): boolean {
  return waiting !== null && !ON_ITS_WAY.has(waiting.reason);
}

/**
 * Whether an admission plugin has given the pod another image than the one that it is to pull: another digest at once, a
 * name without a digest once the image's id is there. A mirror's name with the digest is the same image.
 */
function isReplaced({ image, imageId, digest }: PodState): boolean {
  if (image === "" || image.endsWith(`@${digest}`)) return false;
  return image.includes("@") || (imageId !== "" && !imageId.endsWith(digest));
}

function replacedFailure({ image, imageId, digest }: PodState): PullFailure {
  const found = imageId === "" ? image : `${image} (${imageId})`;
  return failureOf("ImageReplaced", `${found} in place of ${digest}`);
}

/** The failure of a container that is not ours: who has put it there has to act, whatever fails in it. */
function injectedFailure({ name, image, waiting, terminated, exitCode }: ContainerState): PullFailure {
  const { reason, message } = terminated ?? waiting ?? { reason: "", message: "" };
  const ended = terminated === null ? "" : `exit code ${exitCode}${message === "" ? "" : ", "}`;
  const failure: PullFailure = {
    failureClass: "pod-altered",
    reason,
    message: `the injected container "${name}" (${image}) has failed: ${reason}`,
  };
  return withDetail(failure, `${ended}${message}`);
}

function failed(failure: PullFailure): PodVerdict {
  return { kind: "failed", failure };
}
