import { type PullBackoff, pullBackoff } from "./prepull-backoff.ts";
import type { PullFailure } from "./pull.ts";

/** One create a minute is no load, and whatever refuses may be over at any time: then all nodes go on within a minute. */
const MAX_PAUSE_MS = 60_000;

/**
 * The API server refuses pods, or fails, whatever the node is: a quota, an admission plugin, a missing account. What is
 * refused for one image waits, and the others are tried; what meets every image is tried now and then, one pod at a time
 * (field case F29).
 */
export interface PodRefusal {
  readonly failure: PullFailure;
  /** Digests of images whose pods were refused, the last at the end. They wait until `until`. */
  readonly digests: ReadonlySet<string>;
  /** Digest of the image that was refused last; null where a pod was accepted after that. */
  readonly last: string | null;
  /** Whether it meets every image: two were refused in a row, there is only one, or the API server fails. */
  readonly isWide: boolean;
  /** Pods that were tried in a row, and refused. */
  readonly failures: number;
  /** Before which time no image that is held back is tried; where it meets every image, none at all. Monotonic milliseconds. */
  readonly until: number;
  /** Uids of the nodes whose pods are being tried. */
  readonly probes: ReadonlySet<string>;
  /** How many pods may be tried at once: one more with each that is accepted, so that rounds double. */
  readonly turns: number;
  /** The failure as it was reported last; null while there is nothing to report. */
  readonly reported: PullFailure | null;
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

/** A pod that was refused. */
export interface RefusedPod {
  readonly failure: PullFailure;
  readonly uid: string;
  readonly digest: string;
  /** Whether its image is the only one that is to be pulled. */
  readonly isOnly: boolean;
}

/** The refusal after one more pod was refused. Those that were on their way when it began make nobody wait longer. */
export function refusalAfter(
  before: PodRefusal | null,
  { failure, uid, digest, isOnly }: RefusedPod,
  { backoff, random, now }: { readonly backoff: PullBackoff; readonly random: number; readonly now: number },
): PodRefusal {
  const isRefused = failure.failureClass === "refused";
  const last = before?.last ?? null;
  const wasWide = before?.isWide === true && before.failure.failureClass === failure.failureClass;
  const isWide = wasWide || !isRefused || isOnly || (last !== null && last !== digest);
  // That an image is refused again, while others are accepted, says nothing of the others.
  const isKnown = before?.digests.has(digest) === true && last === null && !isWide;
  const digests = new Set(before?.digests);
  if (isRefused) digests.delete(digest);
  if (isRefused) digests.add(digest);
  const news = { failure, digests, last: isKnown || !isRefused ? last : digest, isWide };
  if (before !== null && !before.probes.has(uid)) return { ...before, ...news };
  const failures = (before?.failures ?? 0) + 1;
  const longest = Math.min(backoff.longest, MAX_PAUSE_MS);
  return {
    ...news,
    failures,
    until: now + pullBackoff({ ...backoff, longest }, failures, random),
    probes: without(before?.probes ?? new Set(), uid),
    turns: isKnown ? (before?.turns ?? 1) : 1,
    reported: before?.reported ?? null,
  };
}

/**
 * The refusal after a pod was accepted; null where it is over. An image that was refused alone still waits. `most` is how
 * many pulls may run at once.
 */
export function refusalAfterAcceptance(
  before: PodRefusal,
  { uid, digest }: Pick<RefusedPod, "uid" | "digest">,
  most: number,
): PodRefusal | null {
  const digests = before.isWide ? new Set<string>() : without(before.digests, digest);
  const turns = Math.min(before.turns + (before.probes.has(uid) ? 1 : 0), most);
  if (digests.size === 0 && turns >= most) return null;
  const probes = without(before.probes, uid);
  const failures = digests.size === 0 ? 0 : before.failures;
  return { ...before, digests, last: null, isWide: false, failures, probes, turns, reported: null };
}

/** The refusal after pods are tried. An image that was held back is tried on one node, and waits for what comes of it. */
export function refusalTrying(
  before: PodRefusal,
  tried: readonly Pick<RefusedPod, "uid" | "digest">[],
  running: ReadonlySet<string>,
  now: number,
): PodRefusal {
  const probes = new Set([...before.probes].filter((uid) => running.has(uid)));
  for (const { uid } of tried) probes.add(uid);
  const isHeld = tried.some(({ digest }) => before.digests.has(digest));
  return { ...before, probes, until: isHeld ? now + MAX_PAUSE_MS : before.until };
}

/** How many pods may be tried now, of the free turns. */
export function turnsUnder(refusal: PodRefusal, free: number, running: ReadonlySet<string>, now: number): number {
  const tried = [...refusal.probes].filter((uid) => running.has(uid)).length;
  if (refusal.isWide && (now < refusal.until || tried > 0)) return 0;
  return Math.min(free, (refusal.isWide ? 1 : refusal.turns) - tried);
}

/** Which of the images that are due may be tried first: those not refused, then the one that was refused longest ago. */
export function leastRefused({ digests }: PodRefusal, due: ReadonlySet<string>): ReadonlySet<string> {
  const fresh = [...due].filter((digest) => !digests.has(digest));
  return new Set(fresh.length > 0 ? fresh : [...digests].filter((digest) => due.has(digest)).slice(0, 1));
}

function without(all: ReadonlySet<string>, one: string): ReadonlySet<string> {
  return all.has(one) ? new Set([...all].filter((other) => other !== one)) : all;
}
