import { type PrepullTask, pullingTasks, thrashingMessage } from "../../domain/prepull/prepull-tasks.ts";
import { isOnNode, type PrepullWork, type WorkEnd } from "../../domain/prepull/prepull-work.ts";
import type { PullTarget } from "../../domain/prepull/pull.ts";
import { judgeThrashing } from "../../domain/prepull/thrashing.ts";
import type { NodeRef } from "./node-group.ts";
import type { NodePrepullEvent } from "./node-prepull.ts";
import { historiesOf, rememberSuccess, rememberTasks } from "./pair-histories.ts";
import { type PrepullerReport, type PrepullNews, pullNews, told } from "./prepuller-news.ts";
import {
  type NodeActor,
  type NodeGroupRef,
  type PrepullerContext,
  planSync,
  type SyncPlan,
  withEnded,
  withoutActors,
  withoutTurn,
} from "./prepuller-state.ts";

/** The part of xstate's `enqueue` that bringing the actors in line with the work uses. */
export interface SyncEnqueue {
  assign(change: Partial<PrepullerContext>): void;
  sendTo(ref: NodeRef, event: NodePrepullEvent): void;
  sendParent(report: PrepullerReport): void;
  stopChild(group: NodeGroupRef): void;
  cancel(id: string): void;
}

/** What has to be remembered beyond an actor's life. */
type Memory = Pick<PrepullerContext, "histories" | "ended">;

/**
 * One slice: ends the actors of nodes without work, and tells the others what is new. What is to begin is left to
 * `planSync` on the state after it.
 */
export function syncSlice(context: PrepullerContext, enqueue: SyncEnqueue): void {
  const plan = planSync(context);
  if (plan.ended.length > 0) enqueue.assign(endActors(context, plan.ended, enqueue));
  for (const { actor, work } of plan.told) {
    const { targets } = work;
    const histories = historiesOf(context, work.node, work.uid, targets);
    enqueue.sendTo(actor.ref, { type: "work.changed", targets, histories });
    tellForgotten(work.node, actor, targets, enqueue);
  }
  tellThrashing(context, plan, enqueue);
  if (context.work.nodes.length === 0) dropRefusal(context, enqueue);
}

/** No pod is tried while there is no work: whether one would be refused is no longer observed. */
function dropRefusal({ refusal }: PrepullerContext, enqueue: SyncEnqueue): void {
  if (refusal === null) return;
  enqueue.cancel("refusal");
  enqueue.assign({ refusal: null });
  enqueue.sendParent(told({ type: "refusal.dropped" }));
}

function endActors(
  context: PrepullerContext,
  ended: SyncPlan["ended"],
  enqueue: SyncEnqueue,
): Partial<PrepullerContext> {
  const actors = new Map(context.actors);
  let { running } = context;
  let memory: Memory = { histories: context.histories, ended: context.ended };
  for (const { node, actor, why } of ended) {
    const type = why.kind === "ineligible" ? "node.tainted" : "work.ended";
    if (actor.ref.getSnapshot().status === "active") enqueue.sendTo(actor.ref, { type });
    actors.delete(node);
    running = withoutTurn(running, actor.uid);
    memory = endWork({ ...context, ...memory }, node, actor, why, enqueue);
  }
  const gone = ended.map(({ actor }) => actor);
  return { actors, running, ...memory, groups: releaseActors(context, gone, enqueue) };
}

/** The groups after these actors have gone; those in which nobody is left go with them. */
export function releaseActors(
  { groups }: PrepullerContext,
  gone: readonly NodeActor[],
  enqueue: Pick<SyncEnqueue, "stopChild">,
): PrepullerContext["groups"] {
  const left = withoutActors(groups, gone);
  for (const group of left.empty) enqueue.stopChild(group);
  return left.groups;
}

/** What was under way, and on a node that is not eligible any more all that was begun. */
function shownAtEnd(tasks: readonly PrepullTask[], why: WorkEnd): readonly PrepullTask[] {
  return why.kind === "ineligible" ? tasks.filter(({ attempts }) => attempts > 0) : pullingTasks(tasks);
}

/** What is remembered after the end of a node's work, which is told. */
function endWork(
  context: PrepullerContext,
  node: string,
  { ref, uid }: NodeActor,
  why: WorkEnd,
  enqueue: SyncEnqueue,
): Memory {
  const { tasks } = ref.getSnapshot().context;
  tellDropped(context.work, node, uid, tasks, enqueue);
  const { histories, ended } = context;
  if (why.kind === "left") return { histories, ended };
  const isIneligible = why.kind === "ineligible";
  const message = isIneligible ? why.comment : "";
  let memory: Memory = { histories: isIneligible ? rememberTasks(histories, uid, tasks) : histories, ended };
  for (const task of shownAtEnd(tasks, why)) memory = endTask({ ...context, ...memory }, node, uid, task, message);
  return memory;
}

/**
 * What is remembered after one more task was given up. A pull whose image is on the node has succeeded: the node's
 * report may come before the pull's own end.
 */
export function endTask(
  context: PrepullerContext,
  node: string,
  uid: string,
  task: PrepullTask,
  message: string,
): Memory {
  const isThere = isOnNode(context.work, node, uid, task.digest);
  const isPulled = isThere && task.state === "PULLING";
  return {
    histories: isPulled ? rememberSuccess(context, uid, task.digest) : context.histories,
    ended: withEnded(context.ended, {
      node,
      uid,
      task,
      state: isThere ? "SUCCEEDED" : "CANCELLED",
      message: isThere ? "" : message,
    }),
  };
}

/** How a pull has ended that nobody here waits for any longer: well if its image is on the node (see `endTask`). */
export function endedPull(
  work: PrepullWork,
  node: string,
  uid: string,
  task: PrepullTask,
  otherwise: "pull.cancelled" | "pull.detached" = "pull.cancelled",
): PrepullNews {
  const type = isOnNode(work, node, uid, task.digest) ? "pull.succeeded" : otherwise;
  return { type, ...pullNews(node, uid, task) };
}

/** The tasks of an actor that ends are nobody's any more: tells of pulls that are cut off and failures that are moot. */
export function tellDropped(
  work: PrepullWork,
  node: string,
  uid: string,
  tasks: readonly PrepullTask[],
  enqueue: Pick<SyncEnqueue, "sendParent">,
): void {
  for (const task of tasks) {
    if (task.state === "PULLING") enqueue.sendParent(told(endedPull(work, node, uid, task)));
    if (task.failures > 0) enqueue.sendParent(told({ type: "failure.dropped", ...pullNews(node, uid, task) }));
  }
}

/**
 * This replica does not lead any more: pulls under way end at once, with their actors. The others, which may be
 * thousands, are left as they are until it leads again, and come to nothing meanwhile for want of a turn.
 */
export function restActors(context: PrepullerContext, enqueue: SyncEnqueue): void {
  const { running, work } = context;
  const resting = new Map(context.actors);
  const gone: NodeActor[] = [];
  let { histories } = context;
  for (const [node, actor] of context.actors) {
    const { ref, uid } = actor;
    if (!running.has(uid)) continue;
    const { tasks } = ref.getSnapshot().context;
    for (const task of pullingTasks(tasks)) {
      enqueue.sendParent(told(endedPull(work, node, uid, task, "pull.detached")));
    }
    histories = rememberTasks(histories, uid, tasks);
    enqueue.sendTo(ref, { type: "work.ended" });
    gone.push(actor);
    resting.delete(node);
  }
  const groups = releaseActors(context, gone, enqueue);
  enqueue.sendParent(told({ type: "work.abandoned" }));
  enqueue.assign({ actors: new Map(), resting, groups, running: new Set(), unsynced: [], refusal: null, histories });
}

/** The actor itself tells of a pull that it cuts off. */
function tellForgotten(node: string, { ref, uid }: NodeActor, targets: readonly PullTarget[], enqueue: SyncEnqueue) {
  const wanted = new Set(targets.map(({ digest }) => digest));
  for (const task of ref.getSnapshot().context.tasks) {
    if (task.failures === 0 || wanted.has(task.digest)) continue;
    enqueue.sendParent(told({ type: "failure.dropped", ...pullNews(node, uid, task) }));
  }
}

function tellThrashing(context: PrepullerContext, { told: changed, begun }: SyncPlan, enqueue: SyncEnqueue): void {
  for (const { actor, work } of changed) {
    const known = new Set(actor.ref.getSnapshot().context.targets.map(({ digest }) => digest));
    const fresh = work.targets.filter(({ digest }) => !known.has(digest));
    tellThrashingOn(context, work.node, work.uid, fresh, enqueue);
  }
  for (const { node, uid, targets } of begun) tellThrashingOn(context, node, uid, targets, enqueue);
}

function tellThrashingOn(
  context: PrepullerContext,
  node: string,
  uid: string,
  targets: readonly PullTarget[],
  enqueue: SyncEnqueue,
): void {
  const histories = historiesOf(context, node, uid, targets);
  if (histories.size === 0) return;
  for (const { digest, reference } of targets) {
    const history = histories.get(digest);
    const thrashing = judgeThrashing(history?.pulledAt ?? [], context.now().monotonic);
    if (history === undefined || thrashing === null) continue;
    const pull = { node, uid, digest, reference, attempts: 0, startTime: null };
    enqueue.sendParent(
      told({ type: "image.thrashing", ...pull, message: thrashingMessage(thrashing, history.missingCause) }),
    );
  }
}
