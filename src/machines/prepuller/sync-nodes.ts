import { nodeNamed } from "../../domain/nodes/node-table.ts";
import {
  changedNodes,
  endOfWork,
  isOnNode,
  type NodeWork,
  type PrepullWork,
  workOn,
} from "../../domain/prepull/prepull-work.ts";
import { missingCause } from "../../domain/prepull/pull-record.ts";
import { endLeftPulls } from "./left-nodes.ts";
import { dropRefusal } from "./pod-trials.ts";
import { addNode, emit, nodesOf, type Step, setNode, stepNode } from "./prepull-step.ts";

/** Transitions of nodes in one step, so that no step takes more than a few milliseconds. */
const MAX_TRANSITIONS = 100;

/** Brings the nodes in line with the work, those that have less to do first; false where some are left for later steps. */
export function syncNodes(step: Step, desired: PrepullWork): boolean {
  const isSynced = step.state.synced === desired || syncWork(step, desired);
  const before = step.transitions;
  const isDone = isSynced && endLeftPulls(step, desired, MAX_TRANSITIONS);
  if (step.transitions > before) emit(step, { type: "progress.changed" });
  return isDone;
}

function syncWork(step: Step, desired: PrepullWork): boolean {
  const isSameWork = step.state.synced?.nodes === desired.nodes;
  for (const [node, work] of unsyncedNodes(step, desired)) {
    if (step.transitions >= MAX_TRANSITIONS) {
      step.state = { ...step.state, synced: null };
      return false;
    }
    if (work === null) endNode(step, desired, node);
    else syncNode(step, desired, work);
  }
  if (desired.nodes.length === 0) dropRefusal(step);
  step.state = { ...step.state, synced: step.state.broken.size === 0 ? desired : null };
  // Most differences are reports of nodes that change nothing here.
  if (!isSameWork) emit(step, { type: "progress.changed" });
  return true;
}

function* unsyncedNodes(step: Step, desired: PrepullWork): Generator<readonly [string, NodeWork | null]> {
  const { synced } = step.state;
  if (synced !== null) {
    for (const node of changedNodes(synced, desired)) yield [node, workOn(desired, node)];
    return;
  }
  const wanted = new Set(desired.nodes.map(({ node }) => node));
  for (const node of [...nodesOf(step).keys(), ...step.state.broken.keys()]) if (!wanted.has(node)) yield [node, null];
  for (const work of desired.nodes) yield [work.node, work];
}

export function syncNode(step: Step, desired: PrepullWork, { node, uid, targets }: NodeWork): void {
  if (isBroken(step, node)) return;
  const known = nodesOf(step).get(node);
  if (known?.context.uid === uid && known.context.targets === targets) return;
  if (known !== undefined && known.context.uid !== uid) stepNode(step, node, { type: "node.left" });
  if (!nodesOf(step).has(node)) addNode(step, node, uid);
  dropCancelled(step, desired, node);
  stepNode(step, node, {
    type: "work.changed",
    targets,
    setSize: desired.setSize,
    present: presentPulls(step, desired, node),
    missingCause: causeOn(desired, node),
    now: step.now,
  });
}

/** Whether the node's chart threw a moment ago. */
function isBroken(step: Step, node: string): boolean {
  const until = step.state.broken.get(node);
  if (until === undefined) return false;
  if (step.now.monotonic < until) return true;
  forgetBroken(step, node);
  return false;
}

function forgetBroken(step: Step, node: string): void {
  const broken = new Map(step.state.broken);
  broken.delete(node);
  step.state = { ...step.state, broken };
}

/** Nothing is to be pulled there: it has all that belongs on it, or may not be pulled to, or has left. */
function endNode(step: Step, desired: PrepullWork, node: string): void {
  if (step.state.broken.has(node)) forgetBroken(step, node);
  dropCancelled(step, desired, node);
  const context = nodesOf(step).get(node)?.context;
  if (context === undefined) return;
  const why = endOfWork(desired, node, context.uid);
  const present = presentPulls(step, desired, node);
  if (why.kind === "left") stepNode(step, node, { type: "node.left" });
  else if (why.kind === "ineligible" && !context.isExcluded) {
    stepNode(step, node, { type: "node.excluded", comment: why.comment, present });
  } else if (why.kind === "done" && (context.targets.length > 0 || context.isExcluded)) {
    const work = { targets: [], setSize: desired.setSize, present, missingCause: "", now: step.now };
    stepNode(step, node, { type: "work.changed", ...work });
  }
  forgetNode(step, node);
}

/** A pull whose image has turned up on the node was not given up for good. */
function dropCancelled(step: Step, desired: PrepullWork, node: string): void {
  const kept = [...step.state.ended].filter(
    ([, { uid, progress }]) =>
      progress.node !== node || progress.state !== "CANCELLED" || !isOnNode(desired, node, uid, progress.digest),
  );
  if (kept.length < step.state.ended.size) step.state = { ...step.state, ended: new Map(kept) };
}

function forgetNode(step: Step, node: string): void {
  const context = nodesOf(step).get(node)?.context;
  if (context === undefined || context.targets.length > 0) return;
  if (context.records.length + context.pulls.length + context.pulledAt.size === 0) setNode(step, node, null);
}

function presentPulls(step: Step, desired: PrepullWork, node: string): readonly string[] {
  const context = nodesOf(step).get(node)?.context;
  if (context === undefined) return [];
  return context.pulls.flatMap(({ digest }) => (isOnNode(desired, node, context.uid, digest) ? [digest] : []));
}

function causeOn({ table }: PrepullWork, node: string): string {
  const images = table === null ? 0 : (nodeNamed(table, node)?.report.images.length ?? 0);
  return missingCause(images, table?.rules.nodeStatusMaxImages ?? 0);
}
