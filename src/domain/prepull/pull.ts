import type { PullFailureClass } from "./failure-table.ts";

/** Both scales of time, milliseconds. */
export interface Times {
  /** Since the epoch. */
  readonly wall: number;
  readonly monotonic: number;
}

/** One image that is to be pulled to a node. */
export interface PullTarget {
  readonly digest: string;
  /** `registry/repository:tag@digest`. */
  readonly reference: string;
  /** Bytes; null where nobody knows. */
  readonly sizeBytes: number | null;
  readonly isRecommended: boolean;
}

/** The order to pull one image to one node. */
export interface PullOrder {
  /** `registry/repository:tag@digest`. */
  readonly reference: string;
  readonly digest: string;
  readonly node: string;
  /** Identity of the node's object: with the digest, the name of the pod follows from it. */
  readonly nodeUid: string;
  /** Milliseconds that the pull should take at most. */
  readonly timeout: number;
  /** Milliseconds after which its pod is of no use, whatever has happened. */
  readonly podDeadline: number;
}

/** Why a pull has failed. */
export interface PullFailure {
  /** Who has to act: decided where the words of Kubernetes arrive, and never read back from them. */
  readonly failureClass: PullFailureClass;
  /**
   * The reason that Kubernetes gives, in its own form: of a container (`ErrImagePull`, `ImagePullBackOff`), of a pod
   * (`Evicted`, `DeadlineExceeded`, `OutOfcpu`), or of a refused request (`Forbidden`, `AlreadyExists`, `Invalid`).
   */
  readonly reason: string;
  /** What happened, written for an operator: what the kubelet or the API server says, without credentials. */
  readonly message: string;
}

/**
 * Whether the pull of a pod that has failed so may go on at its node: the pod was interrupted, and its end shows no end of
 * the pull. A kubelet finishes a pull whose pod is evicted or deleted.
 */
export function mayGoOn({ failureClass }: Pick<PullFailure, "failureClass">): boolean {
  return failureClass === "interrupted" || failureClass === "evicted";
}

/** How a pull has ended: a container was created from the image on the node, or not. */
export type PullOutcome = { readonly kind: "pulled" } | ({ readonly kind: "failed" } & PullFailure);

/** A pull that an earlier process, or an earlier leader, started and that has come to a good end since. */
export interface RecoveredPull {
  readonly node: string;
  readonly nodeUid: string;
  readonly digest: string;
}

/** A pod that no pull of this process sees to, and that may still be pulling. */
export interface LeftoverPull extends RecoveredPull {
  /** Of the pod's image. */
  readonly reference: string;
}

/** What has been found of earlier processes and leaders. */
export interface RecoveredPulls {
  readonly ended: readonly RecoveredPull[];
  readonly inProgress: readonly LeftoverPull[];
}

/** Reason of an abort: the pull is no longer wanted, so its pod is to be removed. */
export class PullCancelledError extends Error {
  constructor() {
    super("the pull is no longer wanted");
    this.name = "PullCancelledError";
  }
}

/**
 * Reason of an abort: another replica, or the next process, sees to the pull. Nothing may be written after it, not even
 * a delete; the pod stays for whoever adopts it.
 */
export class PullReleasedError extends Error {
  constructor() {
    super("the pull is left to another replica or to the next process");
    this.name = "PullReleasedError";
  }
}
