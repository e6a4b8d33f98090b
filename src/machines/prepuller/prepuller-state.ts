import type { ActorRefFrom, AnyActorRef } from "xstate";
import type { PodRefusal } from "../../domain/prepull/pod-refusal.ts";
import type { PullBackoff } from "../../domain/prepull/prepull-backoff.ts";
import { type PairHistory, type PrepullTask, progressOfTask, type Times } from "../../domain/prepull/prepull-tasks.ts";
import { endOfWork, type NodeWork, type PrepullWork, type WorkEnd, workOn } from "../../domain/prepull/prepull-work.ts";
import type { PullOrder, PullTarget } from "../../domain/prepull/pull.ts";
import type { PrepullProgress } from "../../domain/snapshot/answers.ts";
import { type BucketMap, emptyBucketMap } from "../../domain/snapshot/bucket-map.ts";
import type { NodeRef, nodeGroupMachine } from "./node-group.ts";
import type { NodePrepullInput, PrepullMode } from "./node-prepull.ts";
import { historiesOf, pairKey } from "./pair-histories.ts";

/** Work that has ended and is still shown, at most: the last so many. */
const MOST_ENDED = 1_000;
/** Nodes whose actors are started, told or stopped in one go: so that no event takes more than a few milliseconds. */
const SLICE = 50;

/** What the prepuller is configured with; times in milliseconds. */
export interface PrepullerSettings {
  readonly mode: PrepullMode;
  /** How many pulls may run at once in the cluster. */
  readonly maxConcurrentPulls: number;
  readonly pullTimeout: number;
  readonly backoff: PullBackoff;
  /** Between two looks for pods that are left over. */
  readonly sweepInterval: number;
}

/** What the prepuller is given when it starts. */
export interface PrepullerInput {
  readonly settings: PrepullerSettings;
  readonly work: PrepullWork;
  readonly now: () => Times;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** A reference to a group of nodes' actors. */
export type NodeGroupRef = ActorRefFrom<typeof nodeGroupMachine>;

/** One node that is being worked on. */
export interface NodeActor {
  readonly ref: NodeRef;
  readonly group: NodeGroupRef;
  readonly uid: string;
  /** See PullCandidate. */
  readonly bareSince: number;
}

/** Work that has ended: shown for a while. */
export interface EndedWork {
  readonly uid: string;
  readonly progress: PrepullProgress;
}

/** The prepuller's own state. Each function below gives the next one, or a part of it. */
export interface PrepullerContext extends PrepullerInput {
  /** By the node's name. */
  readonly actors: ReadonlyMap<string, NodeActor>;
  /** Actors that keep what they know until this replica leads again. None has a turn. */
  readonly resting: ReadonlyMap<string, NodeActor>;
  /** Names of nodes whose actor may not be as the work says. */
  readonly unsynced: readonly string[];
  /** How many of each group's actors are at work, or rest. */
  readonly groups: ReadonlyMap<NodeGroupRef, number>;
  /** Numbers the actors and their groups: an id is never used twice. */
  readonly spawned: number;
  /** Nodes that have a turn, by uid: never more than `maxConcurrentPulls`, whatever hangs. */
  readonly running: ReadonlySet<string>;
  /** Turns given so far. */
  readonly granted: number;
  /** The API server refuses pods; null while it takes them. */
  readonly refusal: PodRefusal | null;
  /** The other installation that the lease names. */
  readonly sharedWith: string | null;
  readonly histories: BucketMap<PairHistory>;
  /** By uid and digest, the oldest first. */
  readonly ended: ReadonlyMap<string, EndedWork>;
  /** Times in a row that leftovers could not be recovered. */
  readonly recoveryFailures: number;
}

/** The state before anything is done. */
export function initialPrepuller(input: PrepullerInput): PrepullerContext {
  return {
    ...input,
    actors: new Map(),
    resting: new Map(),
    unsynced: [],
    groups: new Map(),
    spawned: 0,
    running: new Set(),
    granted: 0,
    refusal: null,
    sharedWith: null,
    histories: emptyBucketMap(),
    ended: new Map(),
    recoveryFailures: 0,
  };
}

/** What one slice of bringing the actors in line with the work takes. */
export interface SyncPlan {
  readonly ended: readonly { readonly node: string; readonly actor: NodeActor; readonly why: WorkEnd }[];
  readonly told: readonly { readonly actor: NodeActor; readonly work: NodeWork }[];
  readonly begun: readonly NodeWork[];
  /** What is left for later slices. */
  readonly rest: readonly string[];
}

/** The next slice. An actor that has finished, or is of a node that was made again, goes before another one comes. */
export function planSync({ actors, unsynced, work }: PrepullerContext): SyncPlan {
  const ended: SyncPlan["ended"][number][] = [];
  const told: SyncPlan["told"][number][] = [];
  const begun: NodeWork[] = [];
  for (const node of unsynced.slice(0, SLICE)) {
    const actor = actors.get(node);
    const wanted = workOn(work, node);
    const snapshot = actor?.ref.getSnapshot();
    if (actor !== undefined && snapshot?.status === "active" && wanted?.uid === actor.uid) {
      if (wanted.targets !== snapshot.context.targets) told.push({ actor, work: wanted });
      continue;
    }
    if (actor !== undefined) ended.push({ node, actor, why: endOfWork(work, node, actor.uid) });
    if (wanted !== null) begun.push(wanted);
  }
  return { ended, told, begun, rest: unsynced.slice(SLICE) };
}

/** Work that has ended, with one more. */
export function withEnded(
  ended: PrepullerContext["ended"],
  { node, uid, task, state, message }: TaskEnd,
): PrepullerContext["ended"] {
  const key = pairKey(uid, task.digest);
  const next = new Map(ended);
  next.delete(key);
  const [oldest] = next.keys();
  if (next.size >= MOST_ENDED && oldest !== undefined) next.delete(oldest);
  const progress = {
    ...progressOfTask(node, task),
    state,
    reason: "",
    message,
    failureClass: null,
    nextAttemptTime: null,
  };
  return next.set(key, { uid, progress });
}

/** How the work on one image on one node has ended. */
export interface TaskEnd {
  readonly node: string;
  readonly uid: string;
  readonly task: PrepullTask;
  readonly state: "SUCCEEDED" | "CANCELLED";
  readonly message: string;
}

/** The groups after these actors have gone, and those of them in which nobody is left. */
export function withoutActors(groups: PrepullerContext["groups"], gone: readonly NodeActor[]) {
  const left = new Map(groups);
  const empty: NodeGroupRef[] = [];
  for (const { group } of gone) {
    const count = (left.get(group) ?? 0) - 1;
    if (count > 0) left.set(group, count);
    else if (left.delete(group)) empty.push(group);
  }
  return { groups: left, empty };
}

/** The actor of this id with its node's name; null where it has gone. */
export function actorOf({ actors, resting }: PrepullerContext, id: string): readonly [string, NodeActor] | null {
  for (const entry of [...actors, ...resting]) if (entry[1].ref.id === id) return entry;
  return null;
}

/** The names with others put in front, each once. */
export function withNames(names: readonly string[], first: readonly string[]): readonly string[] {
  return first.length === 0 ? names : [...new Set([...first, ...names])];
}

/** When the node came with next to nothing, for the queue: 0 where it has more than half of the prepull set. */
function bareSince({ work, now }: PrepullerContext, targets: readonly PullTarget[]): number {
  return 2 * targets.length > work.setSize ? now().monotonic : 0;
}

/** What a node's actor is given when it starts. */
export function nodeInput(context: PrepullerContext, parent: AnyActorRef, work: NodeWork): NodePrepullInput {
  const { settings, now, random } = context;
  const { mode, pullTimeout, backoff } = settings;
  const histories = historiesOf(context, work.node, work.uid, work.targets);
  return { parent, settings: { mode, pullTimeout, backoff, now, random }, ...work, histories };
}

/** A node that begins to be worked on. */
export function nodeActor(context: PrepullerContext, work: NodeWork, ref: NodeRef, group: NodeGroupRef): NodeActor {
  return { ref, group, uid: work.uid, bareSince: bareSince(context, work.targets) };
}

/** The first pull there is, for a dry run; null where nothing is to be pulled. */
export function trialOf({ work, settings }: PrepullerContext): PullOrder | null {
  for (const { node, uid, targets } of work.nodes) {
    const [target] = targets;
    if (target === undefined) continue;
    const { digest, reference } = target;
    return { node, nodeUid: uid, digest, reference, timeout: settings.pullTimeout };
  }
  return null;
}

/** The running turns without this node's. */
export function withoutTurn(running: ReadonlySet<string>, uid: string): ReadonlySet<string> {
  if (!running.has(uid)) return running;
  const next = new Set(running);
  next.delete(uid);
  return next;
}
