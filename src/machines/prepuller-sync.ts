import { type PrepullTask, pullingTasks, thrashingMessage } from "../domain/prepull-tasks.ts";
import { isOnNode, type WorkEnd } from "../domain/prepull-work.ts";
import type { PullTarget } from "../domain/pull.ts";
import { judgeThrashing } from "../domain/thrashing.ts";
import type { NodePrepullEvent } from "./node-prepull.ts";
import { type PrepullerReport, pullNews, told } from "./prepuller-news.ts";
import {
  historiesOf,
  type NodeActor,
  type NodeRef,
  type PrepullerContext,
  planSync,
  rememberTasks,
  type SyncPlan,
  withEnded,
  withoutTurn,
} from "./prepuller-state.ts";

/** The part of xstate's `enqueue` that bringing the actors in line with the work uses. */
export interface SyncEnqueue {
  assign(change: Partial<PrepullerContext>): void;
  sendTo(ref: NodeRef, event: NodePrepullEvent): void;
  sendParent(report: PrepullerReport): void;
}

/**
 * One slice: ends the actors of nodes without work, and tells the others what is new. What is to begin is left to
 * `planSync` on the state after it.
 */
export function syncSlice(context: PrepullerContext, enqueue: SyncEnqueue): void {
  const plan = planSync(context);
  const actors = new Map(context.actors);
  const leaving = [...context.leaving];
  let { running, histories, ended } = context;
  for (const { node, actor, why } of plan.ended) {
    const { context: of, status } = actor.ref.getSnapshot();
    const { tasks } = of;
    if (status === "active") {
      enqueue.sendTo(actor.ref, { type: why.kind === "ineligible" ? "node.tainted" : "node.left" });
    }
    leaving.push(actor.ref);
    tellDropped(node, actor.uid, tasks, enqueue);
    actors.delete(node);
    running = withoutTurn(running, actor.uid);
    if (why.kind === "ineligible") histories = rememberTasks(histories, actor.uid, tasks);
    if (why.kind !== "left") ended = endTasks({ ...context, ended }, node, actor.uid, shownAtEnd(tasks, why), why);
  }
  for (const { actor, work } of plan.told) {
    const { targets } = work;
    enqueue.sendTo(actor.ref, { type: "work.changed", targets, histories: historiesOf(context, work.uid, targets) });
    tellForgotten(work.node, actor, targets, enqueue);
    actors.set(work.node, { ...actor, targets });
  }
  tellThrashing(context, plan, enqueue);
  enqueue.assign({ actors, leaving, running, histories, ended });
}

/** What was under way, and on a node that is not eligible any more all that was begun. */
function shownAtEnd(tasks: readonly PrepullTask[], why: WorkEnd): readonly PrepullTask[] {
  return why.kind === "ineligible" ? tasks.filter(({ attempts }) => attempts > 0) : pullingTasks(tasks);
}

function endTasks(
  context: PrepullerContext,
  node: string,
  uid: string,
  tasks: readonly PrepullTask[],
  why: WorkEnd,
): PrepullerContext["ended"] {
  const message = why.kind === "ineligible" ? why.comment : "";
  return tasks.reduce((ended, task) => endTask({ ...context, ended }, node, uid, task, message), context.ended);
}

/** The work that has ended with one more task that was given up; the image may have come to the node by another way. */
export function endTask(
  { ended, work }: PrepullerContext,
  node: string,
  uid: string,
  task: PrepullTask,
  message: string,
): PrepullerContext["ended"] {
  const isThere = isOnNode(work, node, uid, task.digest);
  return withEnded(ended, {
    node,
    uid,
    task,
    state: isThere ? "SUCCEEDED" : "CANCELLED",
    message: isThere ? "" : message,
  });
}

/** The tasks of an actor that ends are nobody's any more: tells of pulls that are cut off and failures that are moot. */
export function tellDropped(
  node: string,
  uid: string,
  tasks: readonly PrepullTask[],
  enqueue: Pick<SyncEnqueue, "sendParent">,
): void {
  for (const task of tasks) {
    const news = pullNews(node, uid, task);
    if (task.state === "PULLING") enqueue.sendParent(told({ type: "pull.cancelled", ...news }));
    if (task.failures > 0) enqueue.sendParent(told({ type: "failure.dropped", ...news }));
  }
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
    const known = new Set(actor.targets.map(({ digest }) => digest));
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
  const histories = historiesOf(context, uid, targets);
  if (histories.size === 0) return;
  for (const { digest, reference } of targets) {
    const thrashing = judgeThrashing(histories.get(digest)?.pulledAt ?? [], context.now().monotonic);
    if (thrashing === null) continue;
    const pull = { node, uid, digest, reference, attempts: 0, startTime: null };
    enqueue.sendParent(told({ type: "image.thrashing", ...pull, message: thrashingMessage(thrashing) }));
  }
}
