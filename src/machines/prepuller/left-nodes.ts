import { type NodeTable, nodeNamed } from "../../domain/nodes/node-table.ts";
import { isOnNode, type PrepullWork } from "../../domain/prepull/prepull-work.ts";
import { isForgotten } from "../../domain/prepull/thrashing.ts";
import type { NodeWorkContext } from "./node-work.ts";
import type { PrepullState } from "./prepull-state.ts";
import { nodesOf, type Step, setNode, stepNode } from "./prepull-step.ts";

/**
 * Sees to the nodes on which pulls go on, also those without work, whose end no difference of the work shows: one that has left
 * takes its pulls with it, and a pull that was given up is over when the node reports its image. One look-up a pull; false
 * where some are left for later steps.
 */
export function endLeftPulls(step: Step, desired: PrepullWork, maxTransitions: number): boolean {
  for (const { node, digest, hasLeft } of leftPulls(nodesOf(step), step.state.pulls, desired)) {
    if (step.transitions >= maxTransitions) return false;
    if (hasLeft) stepNode(step, node, { type: "node.left" });
    else stepNode(step, node, { type: "pull.succeeded", digest, now: step.now });
  }
  return true;
}

/** Whether there is one to see to: thousands of nodes report, and few of their reports end a pull. */
export function hasLeftPulls({ nodes, pulls }: PrepullState, desired: PrepullWork): boolean {
  return leftPulls(nodes, pulls, desired).next().done !== true;
}

function* leftPulls(nodes: PrepullState["nodes"], pulls: PrepullState["pulls"], { table }: PrepullWork) {
  if (table === null) return;
  for (const { node, uid, digest } of pulls.values()) {
    const context = nodes.get(node)?.context;
    if (context?.uid !== uid) continue;
    const hasLeft = nodeNamed(table, node)?.report.uid !== uid;
    if (hasLeft || isOverUnseen(context, table, digest)) yield { node, digest, hasLeft };
  }
}

/** Whether the pull was given up and its image is on the node: one that is wanted ends with its work. */
function isOverUnseen({ node, uid, pulls }: NodeWorkContext, table: NodeTable, digest: string): boolean {
  const phase = pulls.find((pull) => pull.digest === digest)?.phase;
  return (phase === "stalled" || phase === "abandoned") && isOnNode({ table }, node, uid, digest);
}

/**
 * Forgets the nodes that are no longer there, and those of which nothing is remembered that still counts. Nodes with work are
 * left to it, and those with pulls to their ends. One pass over all nodes: now and then, and not at each difference.
 */
export function forgetNodes(step: Step, { table }: PrepullWork): void {
  if (table === null) return;
  const present = new Set(table.records.map(({ report }) => report.uid));
  // The failures that an excluded node still has were reported as dropped when it was excluded.
  for (const [node, { context }] of step.state.nodes) {
    const { uid, targets, records, pulls, pulledAt } = context;
    if (targets.length + pulls.length > 0) continue;
    const isStale = records.length === 0 && isForgotten(pulledAt, step.now.monotonic);
    if (isStale || !present.has(uid)) setNode(step, node, null);
  }
}
