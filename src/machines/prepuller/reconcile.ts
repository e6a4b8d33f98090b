import { nodeNamed } from "../../domain/nodes/node-table.ts";
import { isClusterWide } from "../../domain/prepull/pod-refusal.ts";
import type { PullCandidate, PullEnd, PullKey, PullStart } from "../../domain/prepull/policy.ts";
import {
  changedNodes,
  endOfWork,
  isOnNode,
  type NodeWork,
  type PrepullWork,
  workOn,
} from "../../domain/prepull/prepull-work.ts";
import type { PullFailure, Times } from "../../domain/prepull/pull.ts";
import { isRetry, missingCause, nextRecord } from "../../domain/prepull/pull-record.ts";
import type { PrepullReport } from "../../ports.ts";
import { type CandidatesOf, dropRefusal, noteAcceptance, noteRefusal, trialsUnder, withTrials } from "./pod-trials.ts";
import { keyOf, type NodeState, type PrepullCommand, type PrepullState, type PullInProgress } from "./prepull-state.ts";
import {
  addNode,
  beginStep,
  breakNode,
  emit,
  endPull,
  endStep,
  nodesOf,
  report,
  type Step,
  setNode,
  stepNode,
} from "./prepull-step.ts";
import type { PullReport } from "./prepuller-events.ts";

/** Milliseconds beyond its time-out after which a pull is given up that should have ended itself. */
export const PULL_GRACE = 10_000;
/** Transitions of nodes in one step, so that no step takes more than a few milliseconds. */
const MAX_TRANSITIONS = 100;
/** Pulls that start in one step. */
const MAX_STARTS = 25;

const TIMED_OUT: PullFailure = {
  failureClass: "timeout",
  reason: "DeadlineExceeded",
  message: "the pull has not ended within the prepull time-out",
};

/** What has happened since the last step. */
export type Happening =
  | PullReport
  | { readonly type: "prepull.reported"; readonly report: PrepullReport }
  /** The actor that runs a pull crashed. */
  | { readonly type: "pull.crashed"; readonly key: string; readonly error: unknown };

/** The state after a step, what is to be done, and when to take the next one, monotonic milliseconds; null for not before something happens. */
export interface Reconciled {
  readonly state: PrepullState;
  readonly commands: readonly PrepullCommand[];
  readonly nextAt: number | null;
}

/** What a step is given beside the state: what is to be pulled where, the time, and chance (uniform in [0, 1)). */
export interface ReconcileInput {
  readonly desired: PrepullWork;
  readonly now: Times;
  readonly random: () => number;
}

/**
 * Brings the work in line with what is to be pulled, as far as one step may take, and starts the pulls that may start. Where
 * something is left over, `nextAt` is now.
 */
export function reconcile(state: PrepullState, input: ReconcileInput, happening: Happening | null = null): Reconciled {
  const step = beginStep(state, input.now, input.random);
  if (happening !== null) observe(step, input.desired, happening);
  return finish(step, input.desired);
}

/** This replica begins to do the work. */
export function activate(state: PrepullState, input: ReconcileInput): Reconciled {
  return reconcile({ ...state, isActive: true, synced: null }, input);
}

/** This replica does the work no longer: what is in progress goes on without it. What is known of the nodes is kept. */
export function deactivate(state: PrepullState, { now, random }: ReconcileInput): Reconciled {
  const step = beginStep(state, now, random);
  for (const { node, uid, digest } of state.pulls.values()) {
    stepPull(step, node, uid, { type: "pull.detached", digest, now });
    endPull(step, { uid, digest }, { kind: "detached" });
  }
  emit(step, { type: "work.abandoned" });
  return { state: { ...endStep(step), isActive: false, refusal: null }, commands: step.commands, nextAt: null };
}

/** The API server would refuse the pod of this pull, as a dry run has shown. */
export function refuse(
  state: PrepullState,
  { desired, now, random }: ReconcileInput,
  pod: Parameters<typeof noteRefusal>[2],
): Reconciled {
  const step = beginStep(state, now, random);
  noteRefusal(step, desired, pod);
  return { state: endStep(step), commands: step.commands, nextAt: null };
}

function finish(step: Step, desired: PrepullWork): Reconciled {
  const { now } = step;
  const isSynced = syncNodes(step, desired);
  const times = step.state.settings.mode === "outside" ? expireReports(step) : reviewPulls(step, desired);
  const isDone = isSynced && (step.state.settings.mode === "outside" || startPulls(step));
  withdrawPulls(step);
  const { policy, refusal, broken } = step.state;
  if (isDone && policy.slotsInUse < policy.limit(now.monotonic)) times.push(nextDueTime(step));
  if (refusal !== null) times.push(refusal.until);
  times.push(...broken.values());
  const nextAt = isDone ? Math.min(...times.filter((time) => time > now.monotonic)) : now.monotonic;
  return { state: endStep(step), commands: step.commands, nextAt: Number.isFinite(nextAt) ? nextAt : null };
}

function observe(step: Step, desired: PrepullWork, happening: Happening): void {
  if (happening.type === "prepull.reported") {
    takeReport(step, desired, happening.report);
    return;
  }
  const key = happening.type === "pull.crashed" ? happening.key : keyOf(happening);
  const pull = step.state.pulls.get(key);
  if (pull === undefined) return;
  const { node, uid, digest } = pull;
  const { now } = step;
  if (happening.type === "pull.accepted") noteAcceptance(step, pull);
  else if (happening.type === "pull.failed") failPull(step, desired, pull, happening.failure);
  else if (happening.type === "pull.crashed") {
    endPull(step, pull, { kind: "detached" });
    breakNode(step, node, happening.error);
  } else if (happening.type === "pull.withdrawn") {
    endPull(step, pull, { kind: "withdrawn" });
    stepPull(step, node, uid, { type: "pull.withdrawn", digest, now });
  } else {
    endPull(step, pull, { kind: "succeeded" });
    stepPull(step, node, uid, { type: "pull.succeeded", digest, now });
    report(step, { type: "image.prepulled", digest, node, uid, markedAt: now.monotonic });
  }
}

function failPull(
  step: Step,
  desired: PrepullWork,
  { node, uid, digest }: PullKey & { node: string },
  failure: PullFailure,
): void {
  const { failureClass } = failure;
  const end: PullEnd = { kind: "failed", failureClass };
  endPull(step, { uid, digest }, end);
  const failures =
    nodesOf(step)
      .get(node)
      ?.context.records.find((record) => record.digest === digest)?.failures ?? 0;
  const retry = step.state.policy.retry({ uid, digest }, failureClass, failures + 1, step.random());
  if (isClusterWide(failure)) noteRefusal(step, desired, { uid, digest, failure });
  stepPull(step, node, uid, { type: "pull.failed", digest, failure, retry, now: step.now });
}

/** Steps the chart of this very node: another one may have been made under its name. */
function stepPull(step: Step, node: string, uid: string, event: Parameters<typeof stepNode>[2]): void {
  if (nodesOf(step).get(node)?.context.uid === uid) stepNode(step, node, event);
}

function takeReport(step: Step, desired: PrepullWork, prepullReport: PrepullReport): void {
  const { node, digest, state } = prepullReport;
  const work = workOn(desired, node);
  if (work !== null) syncNode(step, desired, work);
  const before = nodesOf(step).get(node)?.context;
  stepNode(step, node, { type: "pull.reported", report: prepullReport, now: step.now });
  emit(step, { type: "progress.changed" });
  if (before === undefined || state !== "SUCCEEDED") return;
  if (!before.records.some((record) => record.digest === digest)) return;
  const { uid } = before;
  report(step, { type: "image.prepulled", digest, node, uid, markedAt: step.now.monotonic });
}

/** Brings the nodes in line with the work, those that have less to do first; false where some are left for later steps. */
function syncNodes(step: Step, desired: PrepullWork): boolean {
  if (step.state.synced === desired) return true;
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
  emit(step, { type: "progress.changed" });
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

function syncNode(step: Step, desired: PrepullWork, { node, uid, targets }: NodeWork): void {
  if (isBroken(step, node)) return;
  const known = nodesOf(step).get(node);
  if (known?.context.uid === uid && known.context.targets === targets) return;
  if (known !== undefined && known.context.uid !== uid) stepNode(step, node, { type: "node.left" });
  if (!nodesOf(step).has(node)) addNode(step, node, uid);
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

/** Gives up what is overdue. Returns the times when to look again. */
function reviewPulls(step: Step, desired: PrepullWork): number[] {
  const { policy, overdue, nextAt } = step.state.policy.review(step.now.monotonic);
  step.state = { ...step.state, policy };
  for (const key of overdue) {
    const pull = step.state.pulls.get(keyOf(key));
    if (pull !== undefined) failPull(step, desired, pull, TIMED_OUT);
  }
  return nextAt === null ? [] : [nextAt];
}

/** What an outside prepuller reports nothing more of has failed after its time-out. Returns the times of the others. */
function expireReports(step: Step): number[] {
  const times: number[] = [];
  for (const [node, { context }] of nodesOf(step)) {
    for (const { digest, startedAt } of context.pulls) {
      const until = startedAt + step.state.settings.pullTimeout + PULL_GRACE;
      if (until > step.now.monotonic) times.push(until);
      else stepNode(step, node, { type: "pull.failed", digest, failure: TIMED_OUT, retry: null, now: step.now });
    }
  }
  return times;
}

/** Starts what may start; false where more may be left. */
function startPulls(step: Step): boolean {
  const { now } = step;
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
  const { now } = step;
  stepNode(step, node, { type: "pull.started", digest, now });
  const state = nodesOf(step).get(node);
  const record = state?.context.records.find((one) => one.digest === digest);
  if (record === undefined || !state?.matches("pulling")) return;
  const { policy, pulls, settings } = step.state;
  const pull = { node, uid, digest, startedAt: now.monotonic, isWithdrawn: false };
  step.state = {
    ...step.state,
    policy: policy.started(start, now.monotonic),
    pulls: new Map(pulls).set(keyOf(pull), pull),
  };
  const { reference } = record;
  const order = { node, nodeUid: uid, digest, reference, timeout: settings.pullTimeout };
  step.commands.push({ type: "start", key: keyOf(pull), order });
}

/** The first image that is due, of those that are meant, on each node that no pull keeps busy. */
function* candidates(
  { nodes, pulls }: PrepullState,
  now: number,
  isMeant: (digest: string) => boolean,
): Generator<PullCandidate> {
  const busy = new Set([...pulls.values()].map(({ uid }) => uid));
  for (const state of nodes.values()) {
    if (!state.matches("waiting") || busy.has(state.context.uid)) continue;
    const candidate = candidateOf(state, now, isMeant);
    if (candidate !== null) yield candidate;
  }
}

function candidateOf({ context }: NodeState, now: number, isMeant: (digest: string) => boolean): PullCandidate | null {
  const { uid, records, turns, freeSince, joinedEmptyAt, tieBreaker } = context;
  const meant = records.filter(({ digest }) => isMeant(digest));
  const record = nextRecord(meant, now);
  if (record === null) return null;
  const { digest, sizeBytes, isRecommended: isFirst } = record;
  const due = meant.flatMap(({ dueAt }) => (dueAt <= now ? [dueAt] : []));
  const waitingSince = Math.max(freeSince, Math.min(...due));
  const image = { uid, digest, sizeBytes, isRetry: isRetry(record), isFirst, rank: records.indexOf(record) };
  return { ...image, joinedEmptyAt, turns, waitingSince, tieBreaker };
}

/** When something falls due on a node that no pull keeps busy, monotonic milliseconds; infinite for never. */
function nextDueTime(step: Step): number {
  const now = step.now.monotonic;
  let next = Number.POSITIVE_INFINITY;
  for (const state of nodesOf(step).values()) {
    if (!state.matches("waiting")) continue;
    for (const { dueAt } of state.context.records) if (dueAt > now && dueAt < next) next = dueAt;
  }
  return next;
}

/** Actors whose pulls nobody waits for any longer are sent that. */
function withdrawPulls(step: Step): void {
  for (const [key, pull] of step.state.pulls) {
    if (pull.isWithdrawn || isWaitedFor(step, pull)) continue;
    step.state = { ...step.state, pulls: new Map(step.state.pulls).set(key, { ...pull, isWithdrawn: true }) };
    step.commands.push({ type: "withdraw", key });
  }
}

function isWaitedFor(step: Step, { node, uid, digest }: PullInProgress): boolean {
  const context = nodesOf(step).get(node)?.context;
  if (context?.uid !== uid) return false;
  return context.pulls.some((pull) => pull.digest === digest && pull.phase === "pulling");
}
