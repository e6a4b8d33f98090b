import type { RefusedPod } from "../../domain/prepull/pod-refusal.ts";
import type { PrepullWork } from "../../domain/prepull/prepull-work.ts";
import type { PullOrder, RecoveredPull } from "../../domain/prepull/pull.ts";
import type { PrepullReport } from "../../ports.ts";
import type { NodeActorBroke } from "./node-group.ts";
import type { NodePrepullNews } from "./node-prepull.ts";

/** What the prepuller is told. */
export type PrepullerEvent =
  | NodePrepullNews
  | { readonly type: "work.changed"; readonly work: PrepullWork }
  | { readonly type: "pull.reported"; readonly report: PrepullReport }
  | { readonly type: "leadership.gained" }
  | { readonly type: "leadership.lost" }
  /** The lease names another installation; null: none any longer. */
  | { readonly type: "lease.shared"; readonly instance: string | null }
  | { readonly type: "sync.continued" }
  /** All nodes have heard what they were told: turns may be given. */
  | { readonly type: "turns.due" }
  | NodeActorBroke
  | { readonly type: "node.mended"; readonly node: string };

/** What the effect `recover` is told. */
export interface RecoverInput {
  readonly isWanted: (uid: string, digest: string) => boolean;
  /** A pull whose pod is tried by a dry run; null for none. */
  readonly trial: PullOrder | null;
}

/** What the effect `recover` has found. */
export interface Recovered {
  readonly pulls: readonly RecoveredPull[];
  /** The pod of the trial, where it would be refused. */
  readonly refusal: Omit<RefusedPod, "isOnly"> | null;
}
