import { initialTransition, transition } from "xstate";
import type { PullEnd, PullKey } from "../../domain/prepull/policy.ts";
import type { Times } from "../../domain/prepull/pull.ts";
import type { PullEvent } from "../../domain/prepull/pull-event.ts";
import { type NodePrepullEvent, nodePrepullMachine } from "./node-prepull.ts";
import { keyOf, type NodeState, type PrepullCommand, type PrepullState } from "./prepull-state.ts";
import type { PrepullerNews, PrepullerReport } from "./prepuller-events.ts";

/** A step of the work: the state as far as it has come, and what follows from it. Local to one call. */
export interface Step {
  state: PrepullState;
  readonly before: PrepullState;
  /** The nodes' states, copied at the first change: thousands of nodes change in one step. */
  nodes: Map<string, NodeState> | null;
  readonly commands: PrepullCommand[];
  readonly now: Times;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Transitions of nodes so far. */
  transitions: number;
}

/** Ended work that is still shown, at most: the latest. */
const MAX_ENDED = 1_000;
/** Milliseconds before a node whose chart threw begins again. */
const MENDING_MS = 5_000;

export function beginStep(state: PrepullState, now: Times, random: () => number): Step {
  return { state, before: state, nodes: null, commands: [], now, random, transitions: 0 };
}

/** The state after the step. */
export function endStep({ state, nodes }: Step): PrepullState {
  return nodes === null ? state : { ...state, nodes };
}

export function nodesOf({ state, nodes }: Step): ReadonlyMap<string, NodeState> {
  return nodes ?? state.nodes;
}

export function setNode(step: Step, node: string, after: NodeState | null): void {
  step.nodes ??= new Map(step.state.nodes);
  if (after === null) step.nodes.delete(node);
  else step.nodes.set(node, after);
}

/** A node begins to be worked on. */
export function addNode(step: Step, node: string, uid: string): void {
  step.transitions += 1;
  const input = { node, uid, tieBreaker: step.random(), now: step.now };
  setNode(step, node, initialTransition(nodePrepullMachine, input)[0]);
}

/** Steps a node's chart. One that throws is a defect that concerns this node alone. */
export function stepNode(step: Step, node: string, event: NodePrepullEvent): void {
  const before = nodesOf(step).get(node);
  if (before === undefined) return;
  step.transitions += 1;
  try {
    const [after] = transition(nodePrepullMachine, before, event);
    // An event that the state has no transition for.
    if (after.context === before.context) return;
    setNode(step, node, after.status === "active" ? after : null);
    for (const what of after.context.happened) note(step, what);
  } catch (error) {
    breakNode(step, node, error);
  }
}

/** The node's state is lost; its pull is left as it is, and another begins in its place after a while. */
export function breakNode(step: Step, node: string, error: unknown): void {
  const context = nodesOf(step).get(node)?.context;
  if (context === undefined) return;
  const { uid, records, pulls } = context;
  setNode(step, node, null);
  for (const { digest, reference, attempts, startTime, phase } of pulls) {
    const facts = { node, uid, digest, reference, attempts, startTime };
    if (phase === "pulling") note(step, { type: "pull.detached", ...facts });
    endPull(step, { uid, digest }, { kind: "detached" });
  }
  for (const { failures, digest, reference, attempts, startTime } of records) {
    const facts = { node, uid, digest, reference, attempts, startTime };
    if (failures > 0) note(step, { type: "failure.dropped", ...facts, message: "" });
  }
  report(step, { type: "node.broke", node, error });
  const broken = new Map(step.state.broken).set(node, step.now.monotonic + MENDING_MS);
  step.state = { ...step.state, broken, synced: null };
}

/** A pull in progress is over, as far as this replica sees. */
export function endPull(step: Step, key: PullKey, end: PullEnd): void {
  const pulls = new Map(step.state.pulls);
  const pull = pulls.get(keyOf(key));
  if (pull === undefined) return;
  pulls.delete(keyOf(key));
  const policy = step.state.policy.ended(key, end, step.now.monotonic);
  step.state = { ...step.state, pulls, policy };
  if (pull.hasActor) step.commands.push({ type: "stop", key: keyOf(key) });
}

export function report(step: Step, what: PrepullerReport): void {
  step.commands.push({ type: "report", report: what });
}

export function emit(step: Step, news: PrepullerNews): void {
  report(step, { type: "prepuller.emitted", news });
}

/** Passes on what has happened to a pull, and remembers how it ended. */
function note(step: Step, event: PullEvent): void {
  emit(step, event);
  if (event.type === "pull.succeeded") showEnd(step, event, "SUCCEEDED", "");
  else if (event.type === "pull.cancelled") showEnd(step, event, "CANCELLED", event.message);
  else if (event.type === "failure.dropped" && event.message !== "") showEnd(step, event, "CANCELLED", event.message);
  else if (event.type === "pull.settled" && event.outcome === "succeeded") showEnd(step, event, "SUCCEEDED", "");
}

function showEnd(step: Step, event: PullEvent, state: "SUCCEEDED" | "CANCELLED", message: string): void {
  const { node, uid, digest, reference, attempts, startTime } = event;
  const ended = new Map(step.state.ended);
  ended.delete(keyOf(event));
  const [oldest] = ended.keys();
  if (ended.size >= MAX_ENDED && oldest !== undefined) ended.delete(oldest);
  const shown = { node, digest, reference, state, reason: "", message, failureClass: null, attempts, startTime };
  ended.set(keyOf(event), { uid, progress: { ...shown, nextAttemptTime: null } });
  step.state = { ...step.state, ended };
}
