import type { PodRefusal, RefusedPod } from "../../domain/prepull/pod-refusal.ts";
import type { PrepullWork } from "../../domain/prepull/prepull-work.ts";
import type { PullFailure, PullOrder, RecoveredPulls } from "../../domain/prepull/pull.ts";
import type { PullEvent } from "../../domain/prepull/pull-event.ts";
import type { PrepullReport } from "../../ports.ts";

/** What an actor that runs a pull reports. It ends with anything but `pull.accepted` and `pull.stalled`. */
export type PullReport = { readonly uid: string; readonly digest: string } & (
  | /** The API server has a pod for the pull. */ { readonly type: "pull.accepted" }
  /** Its time is over, for this reason, and it goes on. */
  | { readonly type: "pull.stalled"; readonly failure: PullFailure }
  | { readonly type: "pull.succeeded" }
  | { readonly type: "pull.failed"; readonly failure: PullFailure }
  /** Its pod has been asked to go, or there was none. `mayGoOn`: the kubelet may go on with the pull all the same. */
  | { readonly type: "pull.withdrawn"; readonly mayGoOn: boolean }
);

/** What an actor that runs a pull is sent. */
export interface PullRequest {
  readonly type:
    | /** Its time is over. */ "pull.giveUp"
    /** Nobody waits for it any longer. A pod that is there stays, since it shows the end. */
    | "pull.withdraw"
    /** Its pod is to go. */
    | "pull.remove";
}

/** What the prepuller receives. */
export type PrepullerEvent =
  | PullReport
  | { readonly type: "work.changed"; readonly work: PrepullWork }
  | { readonly type: "prepull.reported"; readonly report: PrepullReport }
  | { readonly type: "leadership.gained" }
  | { readonly type: "leadership.lost" }
  /** The lease names another installation; null: none any longer. */
  | { readonly type: "lease.shared"; readonly instance: string | null }
  /** What was put off until now is due. */
  | { readonly type: "time.passed" }
  | { readonly type: `xstate.error.actor.${string}`; readonly error: unknown };

/** What the effect `recover` is given. */
export interface RecoverInput {
  readonly isWanted: (uid: string, digest: string) => boolean;
  /** A pull whose pod is tried by a dry run; null for none. */
  readonly trial: PullOrder | null;
}

/** What the effect `recover` has found. */
export interface Recovered extends RecoveredPulls {
  /** The pod of the trial, where it would be refused. */
  readonly refusal: Omit<RefusedPod, "isOnly"> | null;
}

/** What the prepuller emits: what happens to its pulls, and to itself. */
export type PrepullerNews =
  | PullEvent
  /** The API server has begun to refuse pods, whatever the node, or refuses them for another reason. */
  | { readonly type: "pods.refused"; readonly failure: PodRefusal["failure"] }
  | { readonly type: "pods.accepted" }
  /** Nothing is left to be pulled: whether it still refuses pods is not observed. */
  | { readonly type: "refusal.dropped" }
  /** How many pulls may hold a slot, how many do, and how many are in progress without one. */
  | { readonly type: "slots.changed"; readonly limit: number; readonly inUse: number; readonly lent: number }
  | { readonly type: "leadership.changed"; readonly leading: boolean }
  /** Another installation has acquired our lease; null: the lease names none any longer. */
  | { readonly type: "lease.shared"; readonly instance: string | null }
  | { readonly type: "leftovers.recovered"; readonly pulls: number }
  | { readonly type: "recovery.failed"; readonly error: unknown }
  /** This replica no longer leads, or the prepuller crashed: whether what failed before still fails is not observed here. */
  | { readonly type: "work.abandoned" }
  /** What is shown of the work has changed, or may have. */
  | { readonly type: "progress.changed" };

/** What the prepuller sends to its parent: marks, and news. */
export type PrepullerReport =
  | {
      readonly type: "image.prepulled";
      readonly digest: string;
      readonly node: string;
      /** Only this very node is marked. */
      readonly uid: string;
      readonly markedAt: number;
    }
  | { readonly type: "prepuller.emitted"; readonly news: PrepullerNews }
  | { readonly type: "node.broke"; readonly node: string; readonly error: unknown };
