import type { NodeRules } from "../domain/nodes/node-record.ts";
import type { Times } from "../domain/prepull/prepull-tasks.ts";
import type { PrepullWork } from "../domain/prepull/prepull-work.ts";
import type { Snapshot } from "../domain/snapshot/snapshot.ts";
import type { NodeChange, PrepullReport, RefreshCause } from "../ports.ts";
import type { CoordinatorSettings } from "./image-state.ts";
import type { PrepullerReport, PrepullNews } from "./prepuller/prepuller-news.ts";
import type { PrepullerSettings } from "./prepuller/prepuller-state.ts";
import type { RefreshFaults, RefreshPart, RefreshReport, RefreshRequested } from "./refresh.ts";

/** What the coordinator is told or asked. */
export type CoordinatorEvent =
  | RefreshRequested
  | RefreshPart
  | RefreshReport
  | { readonly type: "nodes.changed"; readonly changes: readonly NodeChange[] }
  | { readonly type: "watch.failed"; readonly error: Error }
  | { readonly type: "watch.recovered" }
  | {
      readonly type: "image.prepulled";
      readonly digest: string;
      readonly node: string;
      /** Only this very node, where it is given: not another one that was made under its name. */
      readonly uid?: string;
      readonly markedAt: number;
    }
  | PrepullerReport
  | { readonly type: "pull.reported"; readonly report: PrepullReport }
  | { readonly type: "work.changed"; readonly work: PrepullWork }
  | {
      readonly type: "gate.attached";
      readonly gate: string;
      readonly caller: number;
      readonly holder: string;
      readonly resumeAfter: number | null | undefined;
    }
  | { readonly type: "gate.ready"; readonly gate: string; readonly caller: number }
  | { readonly type: "gate.detached"; readonly gate: string; readonly caller: number }
  | { readonly type: `xstate.error.actor.${string}`; readonly error: unknown };

/** What the coordinator tells whoever listens. */
export type CoordinatorNews =
  | { readonly type: "refresh.started" }
  /** A refresh has ended; `error` is null where it succeeded, and no LabImagesError where the actor crashed. */
  | {
      readonly type: "refresh.settled";
      readonly run: number;
      readonly cause: RefreshCause | null;
      readonly faults: RefreshFaults;
      readonly error: Error | null;
    }
  | { readonly type: "snapshot.replaced"; readonly snapshot: Snapshot }
  | { readonly type: "gates.opened"; readonly cause: RefreshCause }
  | { readonly type: "prepull.told"; readonly news: PrepullNews }
  | { readonly type: "actor.broke"; readonly actor: string; readonly error: unknown };

/** What the coordinator is given when it starts. */
export interface CoordinatorInput {
  readonly settings: CoordinatorSettings;
  readonly rules: NodeRules;
  readonly prepuller: PrepullerSettings;
  readonly now: () => Times;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}
