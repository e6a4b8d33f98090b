import type { PullFailureClass } from "./failure-table.ts";

/** One pull, as its events name it. */
export interface PullFacts {
  readonly node: string;
  /** Of the Node object. */
  readonly uid: string;
  readonly digest: string;
  /** `registry/repository:tag@digest`. */
  readonly reference: string;
  /** Pulls of this image to this node started so far. */
  readonly attempts: number;
  /** When the pull started, milliseconds since the epoch; null where nobody reported its start. */
  readonly startTime: number | null;
}

/** What happens to the pulls of one node. Each fact has this one name from where it happens to where it is shown. */
export type PullEvent = PullFacts &
  (
    | { readonly type: "pull.started" }
    | { readonly type: "pull.succeeded" }
    | {
        readonly type: "pull.failed";
        readonly reason: string;
        readonly message: string;
        readonly failureClass: PullFailureClass;
        readonly nextAttemptTime: number | null;
      }
    /** Nobody waits for the pull any longer; `message` says why. */
    | { readonly type: "pull.cancelled"; readonly message: string }
    /** This replica no longer leads: the pull goes on, and the next leader sees its end. */
    | { readonly type: "pull.detached" }
    /** A pull that was given up before, because it took too long or nobody waits for it, has come to its end. */
    | { readonly type: "pull.settled"; readonly outcome: "succeeded" | "failed" }
    /** What had failed is not wanted any longer; `message` says why where the node is to blame. */
    | { readonly type: "failure.dropped"; readonly message: string }
    /** The image was pulled again and again, and does not stay on the node. */
    | { readonly type: "image.thrashing"; readonly message: string }
  );
