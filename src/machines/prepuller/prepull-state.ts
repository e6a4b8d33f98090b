import type { SnapshotFrom } from "xstate";
import type { PodRefusal } from "../../domain/prepull/pod-refusal.ts";
import type { PullKey, PullPolicy } from "../../domain/prepull/policy.ts";
import type { PullBackoff } from "../../domain/prepull/prepull-backoff.ts";
import type { PrepullWork } from "../../domain/prepull/prepull-work.ts";
import type { PullOrder } from "../../domain/prepull/pull.ts";
import type { PrepullProgress } from "../../domain/snapshot/answers.ts";
import type { nodePrepullMachine } from "./node-prepull.ts";
import type { PrepullerReport, PullRequest } from "./prepuller-events.ts";

/** Who pulls: the built-in prepuller, or one outside that reports what it does. */
export type PrepullMode = "built-in" | "outside";

/** What the prepuller is configured with; times in milliseconds. */
export interface PrepullerSettings {
  readonly mode: PrepullMode;
  /** How many pulls may hold a slot at one time in the cluster, whatever is observed. */
  readonly maxConcurrentPulls: number;
  /** Whether fewer may where fewer are enough. */
  readonly isAdaptive: boolean;
  readonly pullTimeout: number;
  /** For how long a pull that was given up keeps its node busy, where nothing shows its end. */
  readonly stuckPullTimeout: number;
  readonly backoff: PullBackoff;
  /** Between two looks for pods that are left over. */
  readonly sweepInterval: number;
}

/** A state of a node's chart. */
export type NodeState = SnapshotFrom<typeof nodePrepullMachine>;

/** A pull in progress, from before its pod is created until its end is known. */
export interface PullInProgress extends PullKey {
  readonly node: string;
  /**
   * Since when its end is waited for although it was given up, monotonic milliseconds; null while it was not. A new pod of the same
   * pull does not change it.
   */
  readonly givenUpAt: number | null;
  /** When the time of its actor was over, monotonic milliseconds; null before. */
  readonly overdueAt: number | null;
  /** Whether an actor runs it; the pull of a pod that has gone may go on without. */
  readonly hasActor: boolean;
  /** What its actor was sent last. */
  readonly sent: PullRequest["type"] | null;
}

/** Work that has ended: shown for a while. */
export interface EndedPull {
  readonly uid: string;
  readonly progress: PrepullProgress;
}

/** The state of the prepuller's work. Immutable, and data alone. */
export interface PrepullState {
  readonly settings: PrepullerSettings;
  /** Whether the work is done here; while it is not, nothing is shown and nothing starts. */
  readonly isActive: boolean;
  /** States of the nodes by name: of those with work, and those of which something is remembered. */
  readonly nodes: ReadonlyMap<string, NodeState>;
  /** The work that all nodes are in line with; null while some are not. */
  readonly synced: PrepullWork | null;
  /** Nodes whose chart threw, with the monotonic time of their next beginning. */
  readonly broken: ReadonlyMap<string, number>;
  /** Our own, by key (see `keyOf`). */
  readonly pulls: ReadonlyMap<string, PullInProgress>;
  readonly policy: PullPolicy;
  /** When something falls due that could not start when that was looked at last, monotonic milliseconds. */
  readonly dueAt: number;
  /** The API server refuses pods; null while it takes them. */
  readonly refusal: PodRefusal | null;
  /** By key, the oldest first. */
  readonly ended: ReadonlyMap<string, EndedPull>;
}

/** What the prepuller has to do. The pull of a key is run by one actor at a time. */
export type PrepullCommand =
  | { readonly type: "start"; readonly key: string; readonly order: PullOrder }
  | { readonly type: "send"; readonly key: string; readonly request: PullRequest }
  /** The actor has ended, or is to leave the pull as it is. */
  | { readonly type: "stop"; readonly key: string }
  | { readonly type: "report"; readonly report: PrepullerReport };

/** The state before anything is done. */
export function initialPrepullState(settings: PrepullerSettings, policy: PullPolicy): PrepullState {
  return {
    settings,
    isActive: false,
    nodes: new Map(),
    synced: null,
    broken: new Map(),
    pulls: new Map(),
    policy,
    dueAt: Number.NEGATIVE_INFINITY,
    refusal: null,
    ended: new Map(),
  };
}

/** Names one image on one node: the key of its pull, and the id of the actor that runs it. */
export function keyOf({ uid, digest }: PullKey): string {
  return `${uid} ${digest}`;
}
