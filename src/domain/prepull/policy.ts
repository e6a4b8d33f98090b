import type { PullFailureClass } from "./failure-table.ts";
import type { PullBackoff } from "./prepull-backoff.ts";

/** One image on one node. */
export interface PullKey {
  /** Of the Node object. */
  readonly uid: string;
  readonly digest: string;
}

/** A pull that may start now. A node that no pull keeps busy has one: the first of its images that are due. */
export interface PullCandidate extends PullKey {
  /** Bytes that the node lacks of it; null where no size is known. */
  readonly sizeBytes: number | null;
  /** Whether its image has failed there before, so that new work goes first. */
  readonly isRetry: boolean;
  /** Whether its image is the first of its set: the recommended one, where a set has one. */
  readonly isFirst: boolean;
  /** Its image's place among all that the node is to have; 0 is the first. */
  readonly rank: number;
  /** When the node came with next to nothing, monotonic milliseconds; 0 where it had most of the images. */
  readonly joinedEmptyAt: number;
  /** How many pulls the node has had since it has had work. */
  readonly turns: number;
  /** Since when the node waits, monotonic milliseconds. */
  readonly waitingSince: number;
  /** Uniform in [0, 1): decides among equals, so that nodes are not always taken in the order of their names. */
  readonly tieBreaker: number;
}

/** A pull that starts. One that is lent takes no slot. */
export interface PullStart {
  readonly candidate: PullCandidate;
  readonly isLent: boolean;
}

/** How a pull in progress ended. */
export type PullEnd =
  | { readonly kind: "succeeded" }
  | { readonly kind: "failed"; readonly failureClass: PullFailureClass }
  /** Nobody waits for it any longer, and nothing is known of it: the image is not wanted there, or the node has gone. */
  | { readonly kind: "withdrawn" }
  /** This replica no longer leads: the pull goes on without it. */
  | { readonly kind: "detached" };

/** What is to be done about the pulls in progress. Pairs that are in neither list go on as they are. */
export interface PolicyReview {
  /** The policy after the review: what it lends no longer takes a slot. */
  readonly policy: PullPolicy;
  /** Pulls that their time-out has come for: each is given up, and `PullPolicy.givenUp` follows. */
  readonly overdue: readonly PullKey[];
  /** When to review next, monotonic milliseconds; null where that is not before the next start or end. */
  readonly nextAt: number | null;
}

/** What follows from a failure of one image on one node. */
export interface PullRetry {
  /** Milliseconds before the pair is due again. */
  readonly waitMs: number;
  /** Whether the pair goes behind new work from now on; false where it was the registry's failure, not the pair's. */
  readonly isRetry: boolean;
}

/**
 * Which pull starts next, and how many may run at one time (docs/spec/prepuller.md). Immutable: whatever happens to a pull is
 * reported, and each report returns the policy after it. Times are monotonic milliseconds. A pull is in progress from
 * `started` to `ended`, and takes a slot unless it is lent.
 *
 * The reconciler calls `started` for each start that `next` returned, and for a pull of an earlier leader that it adopts
 * (never lent, and past the limit where need be). `ended` comes exactly once for each of them, in the end; before that,
 * `givenUp` may.
 */
export interface PullPolicy {
  /** How many pulls may hold a slot at one time, lent ones apart. */
  limit(now: number): number;
  /** How many pulls hold a slot. */
  readonly slotsInUse: number;
  /** How many are in progress without one. */
  readonly lentPulls: number;
  /**
   * The pulls to start now, in this order: each of `candidates` at most once, and at most as many unlent ones as slots are free.
   * `most` bounds their number, so that a step stays short or a cluster that refuses pods is not flooded.
   */
  next(candidates: Iterable<PullCandidate>, most: number, now: number): readonly PullStart[];
  started(start: PullStart, now: number): PullPolicy;
  /**
   * The time-out has come, or the pull was withdrawn, and it goes on at the node. After the time-out it holds no slot until it
   * ends, where one more may be lent; a pull that was withdrawn is as fast as before, and keeps its slot.
   */
  givenUp(key: PullKey, now: number): PullPolicy;
  ended(key: PullKey, end: PullEnd, now: number): PullPolicy;
  /** Looks at the pulls in progress: which are lent from now on, and which are overdue. */
  review(now: number): PolicyReview;
  /** When a pair is tried again whose failure was reported to `ended`. `failures` in a row, this one included; `random` is uniform in [0, 1). */
  retry(key: PullKey, failureClass: PullFailureClass, failures: number, random: number): PullRetry;
  /** Expected duration of a pull of this size, in ms; null where too little is known. */
  expectedMs(sizeBytes: number | null): number | null;
}

/** What a policy is configured with; times in milliseconds. */
export interface PolicySettings {
  readonly maxConcurrentPulls: number;
  /** Whether the limit follows what is observed; else it stays at `maxConcurrentPulls`. */
  readonly isAdaptive: boolean;
  readonly pullTimeout: number;
  readonly backoff: PullBackoff;
}
