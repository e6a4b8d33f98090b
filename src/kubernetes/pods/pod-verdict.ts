import type { PullFailure } from "../../domain/prepull/pull.ts";
import { isFinished, type PodState, type Said } from "./pod-object.ts";
import { containerFailure, deletedFailure, podFailure, pullFailure } from "./pod-words.ts";

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
 * Judges a pod by its latest state alone, however it has got there. The image's id decides before everything else. The
 * first failure that the kubelet reports for the image ends the pull: its own retries, 10 s to 300 s apart, would hold
 * the cluster's and the node's turn, and ours come at about the same times, with jitter and with others in between.
 */
export function judgePod(pod: PodState): PodVerdict {
  if (pod.imageId !== "") return PULLED;
  if (pod.deleting) {
    const why = pod.disruption ?? pod.said;
    return failed(deletedFailure(why.reason, why.message));
  }
  if (isFinished(pod)) return failed(endOf(pod));
  if (pod.phase === "Unknown") return failed(podFailure(pod.said.reason || "NodeLost", pod.said.message));
  return pod.waiting === null ? OPEN : judgeWaiting(pod.waiting);
}

function judgeWaiting({ reason, message }: Said): PodVerdict {
  if (ON_ITS_WAY.has(reason)) return OPEN;
  if (CREATION_ERRORS.has(reason)) return { kind: "doubtful", failure: containerFailure(reason, message) };
  return failed(pullFailure(reason, message));
}

/** Why a pod has ended without an image's id: in its own words, those of its container, or none. */
function endOf({ said, terminated, waiting }: PodState): PullFailure {
  if (said.reason !== "") return podFailure(said.reason, said.message);
  const last = terminated ?? waiting;
  if (last !== null && last.reason !== "") return containerFailure(last.reason, last.message);
  return podFailure("ContainerStatusUnknown", said.message || "it has ended without a word on its container");
}

function failed(failure: PullFailure): PodVerdict {
  return { kind: "failed", failure };
}
