import type { PullCandidate, PullStart } from "../../domain/prepull/policy.ts";
import type { PullOrder } from "../../domain/prepull/pull.ts";
import { isRetry, nextRecord, type PullRecord } from "../../domain/prepull/pull-record.ts";
import type { NodeWorkContext } from "./node-work.ts";
import { trialsUnder, withTrials } from "./pod-trials.ts";
import { keyOf, type PrepullerSettings, type PrepullState, type PullInProgress } from "./prepull-state.ts";
import { endStep, nodesOf, type Step, stepNode } from "./prepull-step.ts";

/** Pulls that start in one step. */
const MAX_STARTS = 25;
/** A pull is given up after this number of its timeouts at the latest. */
const MAX_TIMEOUTS = 6;

/** Starts what may start. `isDone` is false where more may be left; `dueAt` is when there may be more, monotonic milliseconds. */
export function startPulls(step: Step): { readonly isDone: boolean; readonly dueAt: number } {
  const now = step.now.monotonic;
  restartAbandoned(step);
  const before = endStep(step);
  const { candidates, dueAt } = findCandidates(before, now);
  const starts =
    before.refusal === null
      ? before.policy.next(candidates, MAX_STARTS, now)
      : trialsUnder(before, (isMeant) => findCandidates(before, now, isMeant).candidates, now);
  if (starts.length === 0) return { isDone: true, dueAt };
  step.state = withTrials(step.state, starts, now);
  const names = namesOf(before, new Set(starts.map(({ candidate }) => candidate.uid)));
  for (const start of starts) startPull(step, names.get(start.candidate.uid) ?? "", start);
  const isDone = starts.length < MAX_STARTS;
  return { isDone, dueAt: isDone ? dueAt : Number.NEGATIVE_INFINITY };
}

function namesOf({ nodes }: PrepullState, uids: ReadonlySet<string>): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const [node, { context }] of nodes) if (uids.has(context.uid)) names.set(context.uid, node);
  return names;
}

function startPull(step: Step, node: string, start: PullStart): void {
  const { uid, digest } = start.candidate;
  const pull = { node, uid, digest, givenUpAt: null, overdueAt: null, hasActor: true, sent: null };
  if (!runPull(step, pull)) return;
  step.state = { ...step.state, policy: step.state.policy.started(start, step.now.monotonic) };
}

/**
 * An abandoned pull whose image is due again has a new pod, which waits behind it as the old one did and shows its end. It is
 * the same pull, in the slot that it has, and the time for which it may keep its node busy does not begin again: pods that are
 * interrupted again and again would keep it so for ever. Its new actor has reported nothing yet, so that the time of
 * the one before is not its own.
 */
function restartAbandoned(step: Step): void {
  const { pulls, refusal } = step.state;
  if (refusal !== null) return;
  for (const pull of pulls.values()) {
    const state = nodesOf(step).get(pull.node);
    if (pull.hasActor || state?.context.uid !== pull.uid || !state.matches("stalled")) continue;
    const record = state.context.records.find(({ digest }) => digest === pull.digest);
    if (record === undefined || record.dueAt > step.now.monotonic) continue;
    runPull(step, { ...pull, hasActor: true, overdueAt: null, sent: null });
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

/** What may start now, and when something else falls due, monotonic milliseconds; infinite for never. */
interface Candidates {
  readonly candidates: readonly PullCandidate[];
  readonly dueAt: number;
}

/** The first image that is due, of those that are meant, on each node that no pull keeps busy. One pass over all nodes. */
function findCandidates(state: PrepullState, now: number, isMeant: (digest: string) => boolean = isAny): Candidates {
  const candidates: PullCandidate[] = [];
  const busy = busyNodes(state);
  let dueAt = Number.POSITIVE_INFINITY;
  for (const { value, context } of state.nodes.values()) {
    if (value !== "waiting" || busy.has(context.uid)) continue;
    const { records } = context;
    const meant = isMeant === isAny ? records : records.filter(({ digest }) => isMeant(digest));
    const record = nextRecord(meant, now);
    if (record !== null) candidates.push(candidateFor(context, record, now));
    for (const one of records) if (one.dueAt > now && one.dueAt < dueAt) dueAt = one.dueAt;
  }
  for (const { node, digest, hasActor } of state.pulls.values()) {
    const record = hasActor ? undefined : state.nodes.get(node)?.context.records.find((one) => one.digest === digest);
    if (record !== undefined && record.dueAt > now && record.dueAt < dueAt) dueAt = record.dueAt;
  }
  return { candidates, dueAt };
}

const isAny = () => true;

/** A node may be known again while an earlier pull is still in progress there. */
function busyNodes({ pulls }: PrepullState): ReadonlySet<string> {
  return new Set([...pulls.values()].map(({ uid }) => uid));
}

function candidateFor(context: NodeWorkContext, record: PullRecord, now: number): PullCandidate {
  const { uid, records, turns, freeSince, joinedEmptyAt, tieBreaker } = context;
  const { digest, sizeBytes, isRecommended: isFirst } = record;
  let earliest = now;
  for (const { dueAt } of records) if (dueAt < earliest) earliest = dueAt;
  const waitingSince = Math.max(freeSince, earliest);
  const image = { uid, digest, sizeBytes, isRetry: isRetry(record), isFirst, rank: records.indexOf(record) };
  return { ...image, joinedEmptyAt, turns, waitingSince, tieBreaker };
}
