import type { PullFailure } from "../../domain/prepull/pull.ts";
import { classOfFailure, type PullFailureClass } from "../../domain/prepull/pull-failure.ts";
import { redactSecrets } from "../../lib/redact.ts";

const LONGEST_DETAIL = 600;

/** What goes before the kubelet's words on a failed pull, by what they mean. */
const PULL_WORDS: Partial<Record<PullFailureClass, string>> = {
  "disk-full": "the node's disk is full",
  "registry-denied": "the registry does not let the node pull",
  "image-not-found": "the registry does not have the image",
  "registry-rate-limited": "the registry limits how much may be pulled",
  "registry-untrusted": "the node does not trust the registry's certificate",
  "image-unusable": "the image cannot be used on the node",
  "node-runtime": "the node's container runtime or its disk fails",
  "registry-unavailable": "the node cannot reach the registry, or it does not answer",
};

/** What goes before the kubelet's words where the pod itself has failed. */
const POD_WORDS: Readonly<Record<string, string>> = {
  Evicted: "the kubelet has evicted the pod",
  DeadlineExceeded: "the pull has taken longer than it may",
  NodeAffinity: "the kubelet has refused the pod",
  NodeName: "the kubelet has refused the pod",
  PodOSNotSupported: "the kubelet has refused the pod",
  TaintToleration: "the node has got a taint that the pod does not tolerate",
  UnexpectedAdmissionError: "the kubelet has refused the pod",
  Preempting: "the pod had to make room for a more important one",
  PreemptionByScheduler: "the pod had to make room for a more important one",
  NodeShutdown: "the node is shutting down",
  Shutdown: "the node is shutting down",
  Terminated: "the node is shutting down",
  NodeLost: "nothing has been heard of the node",
  Deleted: "somebody has deleted the pod before the image was there",
  DeletionByTaintManager: "the pod was deleted because of a taint that it does not tolerate",
  DeletionByPodGC: "the pod was deleted because its node has gone",
  EvictionByEvictionAPI: "the pod was evicted from its node",
  TerminationByKubelet: "the kubelet has ended the pod",
};

/** A text of Kubernetes on one line, without secrets and of bounded length. */
export function plainDetail(text: string): string {
  const line = redactSecrets(text)
    .replace(/[\p{Cc}\p{Cf}\p{Cs}\s]+/gu, " ")
    .trim();
  return line.length > LONGEST_DETAIL ? `${line.slice(0, LONGEST_DETAIL)}…` : line;
}

/** The failure of a pull that the kubelet gives this reason for, explained to an operator. */
export function pullFailure(reason: string, message: string): PullFailure {
  const detail = plainDetail(message);
  const words = PULL_WORDS[classOfFailure({ reason, message: detail })] ?? "the kubelet cannot pull the image";
  return { reason, message: joined(words, detail) };
}

/** The failure of a container that could not be created. */
export function containerFailure(reason: string, message: string): PullFailure {
  return { reason, message: joined("the kubelet cannot create a container from the image", plainDetail(message)) };
}

/** The failure of a pod as a whole, explained to an operator. */
export function podFailure(reason: string, message: string): PullFailure {
  return { reason, message: joined(POD_WORDS[reason] ?? wordsOfAdmission(reason), plainDetail(message)) };
}

/** The failure of a pod that has been deleted; `why` is the reason of its disruption, where it has one. */
export function deletedFailure(why: string, message: string): PullFailure {
  const words = POD_WORDS[why] ?? POD_WORDS["Deleted"] ?? "";
  return { reason: "Deleted", message: joined(words, plainDetail(message)) };
}

/** A failure with what an event says of it; an empty event says nothing. */
export function withEvent(failure: PullFailure, event: string): PullFailure {
  if (event === "") return failure;
  if (failure.reason === "ImagePullBackOff") return pullFailure(failure.reason, event);
  return { ...failure, message: joined(failure.message, plainDetail(event)) };
}

/** Two parts of a message, of which the second may be missing. */
export function joined(words: string, detail: string): string {
  return detail === "" ? words : `${words}: ${detail}`;
}

function wordsOfAdmission(reason: string): string {
  return reason.startsWith("OutOf") ? "the node has no room for the pod" : "the pod has failed";
}
