import type { PullFailureClass } from "../../domain/prepull/failure-table.ts";
import type { PrepullTask } from "../../domain/prepull/prepull-tasks.ts";
import type { PullFailure } from "../../domain/prepull/pull.ts";

/** One pull, as the news tell of it. */
export interface PullNews {
  readonly node: string;
  readonly uid: string;
  readonly digest: string;
  readonly reference: string;
  /** Pulls of this image to this node started so far. */
  readonly attempts: number;
  /** When the pull started, milliseconds since the epoch. */
  readonly startTime: number | null;
}

/** What the prepuller tells whoever listens. */
export type PrepullNews =
  | ({ readonly type: "pull.started" } & PullNews)
  | ({ readonly type: "pull.succeeded" } & PullNews)
  | ({
      readonly type: "pull.failed";
      readonly reason: string;
      readonly message: string;
      readonly failureClass: PullFailureClass;
      readonly nextAttemptTime: number | null;
    } & PullNews)
  /** A pull was given up before its end. */
  | ({ readonly type: "pull.cancelled" } & PullNews)
  /** This replica no longer leads: the pull goes on, and the next leader sees its end. */
  | ({ readonly type: "pull.detached" } & PullNews)
  /** A pull that had failed is not wanted any more: whatever it failed of is no concern now. */
  | ({ readonly type: "failure.dropped" } & PullNews)
  | ({ readonly type: "image.thrashing"; readonly message: string } & PullNews)
  /** The API server has begun to refuse pods, whatever the node, or refuses them for another reason. */
  | { readonly type: "pods.refused"; readonly failure: PullFailure }
  /** It takes them again. */
  | { readonly type: "pods.accepted" }
  /** Nothing is left to be pulled: whether it still refuses them is not observed. */
  | { readonly type: "refusal.dropped" }
  | { readonly type: "leadership.changed"; readonly leading: boolean }
  /** Another installation has acquired our lease; null: the lease names none any longer. */
  | { readonly type: "lease.shared"; readonly instance: string | null }
  | { readonly type: "leftovers.recovered"; readonly pulls: number }
  | { readonly type: "recovery.failed"; readonly error: unknown }
  /** This replica no longer leads, or the prepuller crashed: whether what failed before still fails is not observed here. */
  | { readonly type: "work.abandoned" }
  /** What is shown of the work has changed. */
  | { readonly type: "progress.changed" };

/** What the prepuller tells its parent: marks, and news. */
export type PrepullerReport =
  | {
      readonly type: "image.prepulled";
      readonly digest: string;
      readonly node: string;
      /** Only this very node is marked. */
      readonly uid: string;
      readonly markedAt: number;
    }
  | { readonly type: "prepull.told"; readonly news: PrepullNews }
  | { readonly type: "node.broke"; readonly node: string; readonly error: unknown };

/** What the news of a pull tell of its task. */
export function pullNews(node: string, uid: string, task: PrepullTask): PullNews {
  const { digest, reference, attempts, startTime } = task;
  return { node, uid, digest, reference, attempts, startTime };
}

/** News, wrapped for the parent. */
export function told(news: PrepullNews): PrepullerReport {
  return { type: "prepull.told", news };
}
