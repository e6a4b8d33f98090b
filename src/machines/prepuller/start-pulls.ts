import type { PullCandidate, PullStart } from "../../domain/prepull/policy.ts";
import type { PullOrder } from "../../domain/prepull/pull.ts";
import { isRetry, nextRecord, type PullRecord } from "../../domain/prepull/pull-record.ts";
import type { NodeWorkContext } from "./node-work.ts";
import { type CandidatesOf, trialsUnder, withTrials } from "./pod-trials.ts";
import {
  keyOf,
  type NodeState,
  type PrepullerSettings,
  type PrepullState,
  type PullInProgress,
} from "./prepull-state.ts";
import { endStep, nodesOf, type Step, stepNode } from "./prepull-step.ts";

/** Pulls that start in one step. */
const MAX_STARTS = 25;
/** A pull is given up after this number of its timeouts at the latest. */
const MAX_TIMEOUTS = 6;

/** Starts what may start; false where more may be left. */
export function startPulls(step: Step): boolean {
  const { now } = step;
  restartAbandoned(step);
  const before = endStep(step);
  const candidatesOf: CandidatesOf = (isMeant) => candidates(before, now.monotonic, isMeant);
  const starts =
    before.refusal === null
      ? before.policy.next(
          candidatesOf(() => true),
          MAX_STARTS,
          now.monotonic,
        )
      : trialsUnder(before, candidatesOf, now.monotonic);
  if (starts.length === 0) return true;
  const names = new Map([...before.nodes].map(([node, { context }]) => [context.uid, node]));
  step.state = withTrials(step.state, starts, now.monotonic);
  for (const start of starts) startPull(step, names.get(start.candidate.uid) ?? "", start);
  return starts.length < MAX_STARTS;
}

function startPull(step: Step, node: string, start: PullStart): void {
  const { uid, digest } = start.candidate;
  const pull = { node, uid, digest, givenUpAt: null, overdueAt: null, hasActor: true, sent: null };
  if (!runPull(step, pull)) return;
  step.state = { ...step.state, policy: step.state.policy.started(start, step.now.monotonic) };
}

/**
 * An abandoned pull whose image is due again has a new pod, which waits behind it as the old one did and shows its end. It is
 * the same pull, in the slot that it has.
 */
function restartAbandoned(step: Step): void {
  const { pulls, refusal } = step.state;
  if (refusal !== null) return;
  for (const pull of pulls.values()) {
    const state = nodesOf(step).get(pull.node);
    if (pull.hasActor || state?.context.uid !== pull.uid || !state.matches("stalled")) continue;
    const record = state.context.records.find(({ digest }) => digest === pull.digest);
    if (record === undefined || record.dueAt > step.now.monotonic) continue;
    runPull(step, { ...pull, hasActor: true, givenUpAt: null, sent: null });
  }
}

/** Lets an actor run the pull; false where it may not start. */
function runPull(step: Step, pull: PullInProgress): boolean {
  const { node, uid, digest } = pull;
  stepNode(step, node, { type: "pull.started", digest, now: step.now });
  const state = nodesOf(step).get(node);
  const record = state?.context.records.find((one) => one.digest === digest);
  if (record === undefined || !state?.matches("pulling")) return false;
  const { settings, pulls } = step.state;
  step.state = { ...step.state, pulls: new Map(pulls).set(keyOf(pull), pull) };
  const order = orderOf(settings, { node, nodeUid: uid, digest, reference: record.reference });
  step.commands.push({ type: "start", key: keyOf(pull), order });
  return true;
}

/** Starts the pull of an image whose pod an earlier process has left; false where it does not wait for one. */
export function startLeftover(step: Step, node: string, digest: string): boolean {
  const state = nodesOf(step).get(node);
  const record = state?.context.records.find((one) => one.digest === digest);
  if (record === undefined || !state?.matches("waiting")) return false;
  const candidate = candidateFor(state.context, record, step.now.monotonic);
  startPull(step, node, { candidate, isLent: false });
  return true;
}

/** The order of a pull. */
export function orderOf(
  { pullTimeout, stuckPullTimeout }: PrepullerSettings,
  what: Omit<PullOrder, "timeout" | "podDeadline">,
): PullOrder {
  return { ...what, timeout: pullTimeout, podDeadline: MAX_TIMEOUTS * pullTimeout + stuckPullTimeout };
}

/** The first image that is due, of those that are meant, on each node that no pull keeps busy. */
function* candidates(state: PrepullState, now: number, isMeant: (digest: string) => boolean): Generator<PullCandidate> {
  const busy = busyNodes(state);
  for (const node of state.nodes.values()) {
    const startable = startableRecords(node, busy).filter(({ digest }) => isMeant(digest));
    const record = nextRecord(startable, now);
    if (record !== null) yield candidateFor(node.context, record, now);
  }
}

/** What may be pulled to the node, if it is due. */
function startableRecords(node: NodeState, busy: ReadonlySet<string>): readonly PullRecord[] {
  return node.matches("waiting") && !busy.has(node.context.uid) ? node.context.records : [];
}

/** A node may be known again while an earlier pull is still in progress there. */
function busyNodes({ pulls }: PrepullState): ReadonlySet<string> {
  return new Set([...pulls.values()].map(({ uid }) => uid));
}

function candidateFor(context: NodeWorkContext, record: PullRecord, now: number): PullCandidate {
  const { uid, records, turns, freeSince, joinedEmptyAt, tieBreaker } = context;
  const { digest, sizeBytes, isRecommended: isFirst } = record;
  const due = records.flatMap(({ dueAt }) => (dueAt <= now ? [dueAt] : []));
  const waitingSince = Math.max(freeSince, Math.min(...due, now));
  const image = { uid, digest, sizeBytes, isRetry: isRetry(record), isFirst, rank: records.indexOf(record) };
  return { ...image, joinedEmptyAt, turns, waitingSince, tieBreaker };
}

/** When something falls due that may be pulled then, monotonic milliseconds; infinite for never. Others than abandoned pulls need a free slot. */
export function nextDueTime(step: Step, isSlotFree: boolean): number {
  const now = step.now.monotonic;
  const state = endStep(step);
  let next = Number.POSITIVE_INFINITY;
  const busy = busyNodes(state);
  for (const node of isSlotFree ? state.nodes.values() : []) {
    for (const { dueAt } of startableRecords(node, busy)) if (dueAt > now && dueAt < next) next = dueAt;
  }
  for (const { node, digest, hasActor } of state.pulls.values()) {
    const record = hasActor ? undefined : state.nodes.get(node)?.context.records.find((one) => one.digest === digest);
    if (record !== undefined && record.dueAt > now && record.dueAt < next) next = record.dueAt;
  }
  return next;
}
