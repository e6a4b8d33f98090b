import { type PullBackoff, pullBackoff } from "./prepull-backoff.ts";
import type { PullFailure } from "./pull.ts";

/** One create a minute is no load, and whatever refuses may be over at any time: then all nodes go on within a minute. */
const MAX_PAUSE_MS = 60_000;

/**
 * The API server refuses pods, or fails, whatever the node is: a quota, an admission plugin, a missing account. Then one pod
 * is tried now and then, for all nodes (field case F29).
 */
export interface PodRefusal {
  readonly failure: PullFailure;
  /** Pods that were tried in a row, and refused. */
  readonly failures: number;
  /** Before which time none is tried, monotonic milliseconds. */
  readonly until: number;
  /** Uid of the node whose pod was tried last; null before the first one. */
  readonly probe: string | null;
}

/** Whether a failure does not depend on the node: it would meet every other pod as well. */
export function isClusterWide({ failureClass }: Pick<PullFailure, "failureClass">): boolean {
  return failureClass === "refused" || failureClass === "kubernetes-unavailable";
}

/** Names of pods, digests and counts: they differ from one pod to the next while the reason is the same. */
const PARTICULARS = /[0-9a-f]{40,}|\d+/g;

/** Whether pods are refused for the same reason, whatever the pod and how full a quota is. */
export function isSameReason(a: PullFailure, b: PullFailure): boolean {
  const [one, other] = [a, b].map(({ message }) => message.replace(PARTICULARS, "#"));
  return a.failureClass === b.failureClass && a.reason === b.reason && one === other;
}

/** The refusal after one more pod was refused; those that were on their way when it began do not count. */
export function refusalAfter(
  before: PodRefusal | null,
  failure: PullFailure,
  uid: string,
  { backoff, random, now }: { readonly backoff: PullBackoff; readonly random: number; readonly now: number },
): PodRefusal {
  if (before !== null && before.probe !== uid) return before;
  const failures = (before?.failures ?? 0) + 1;
  const longest = Math.min(backoff.longest, MAX_PAUSE_MS);
  return { failure, failures, until: now + pullBackoff({ ...backoff, longest }, failures, random), probe: null };
}

/** How many pulls may start now, of so many free turns. */
export function turnsUnder(
  refusal: PodRefusal | null,
  free: number,
  running: ReadonlySet<string>,
  now: number,
): number {
  if (refusal === null) return free;
  const isTrying = refusal.probe !== null && running.has(refusal.probe);
  return isTrying || now < refusal.until ? 0 : Math.min(free, 1);
}
