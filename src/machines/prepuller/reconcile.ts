import { type PrepullWork, workOn } from "../../domain/prepull/prepull-work.ts";
import type { LeftoverPull, Times } from "../../domain/prepull/pull.ts";
import type { PrepullReport } from "../../ports.ts";
import { forgetNodes } from "./left-nodes.ts";
import { expireReports, failPull, overseePulls, stallPull, stepPull, withdrawPull } from "./oversee-pulls.ts";
import { noteAcceptance, noteRefusal } from "./pod-trials.ts";
import { keyOf, type PrepullCommand, type PrepullState } from "./prepull-state.ts";
import { beginStep, breakNode, emit, endPull, endStep, nodesOf, report, type Step, stepNode } from "./prepull-step.ts";
import type { PullReport } from "./prepuller-events.ts";
import { startLeftover, startPulls } from "./start-pulls.ts";
import { syncNode, syncNodes } from "./sync-nodes.ts";

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

/** Forgets nodes of which nothing need be remembered: a pass over all nodes, so now and then only. */
export function tidy(state: PrepullState, { desired, now, random }: ReconcileInput): Reconciled {
  const step = beginStep(state, now, random);
  forgetNodes(step, desired);
  return finish(step, desired);
}

/** This replica begins to do the work. */
export function activate(state: PrepullState, input: ReconcileInput): Reconciled {
  return reconcile({ ...state, isActive: true, synced: null, dueAt: Number.NEGATIVE_INFINITY }, input);
}

/** This replica does the work no longer: what is in progress goes on without it. What is known of the nodes is kept. */
export function deactivate(state: PrepullState, { now, random }: ReconcileInput): Reconciled {
  const step = beginStep(state, now, random);
  for (const pull of state.pulls.values()) {
    stepPull(step, pull, { type: "pull.detached", digest: pull.digest, now });
    endPull(step, pull, { kind: "detached" });
  }
  emit(step, { type: "work.abandoned" });
  return { state: { ...endStep(step), isActive: false, refusal: null }, commands: step.commands, nextAt: null };
}

/** What has been found of earlier processes and leaders. */
export interface Leftovers {
  readonly inProgress: readonly LeftoverPull[];
  /** The pod of a dry run that would be refused. */
  readonly refusal: Parameters<typeof noteRefusal>[2] | null;
}

/** Pulls of earlier processes go on: they are adopted, or keep their nodes busy. */
export function recover(
  state: PrepullState,
  { desired, now, random }: ReconcileInput,
  { inProgress, refusal }: Leftovers,
): Reconciled {
  const step = beginStep(state, now, random);
  if (refusal !== null) noteRefusal(step, desired, refusal);
  for (const leftover of inProgress) adopt(step, desired, leftover);
  if (state.isActive) return finish(step, desired);
  return { state: endStep(step), commands: step.commands, nextAt: null };
}

/** What is known of a pull whose start nobody here has seen. */
const UNKNOWN = {
  sizeBytes: null,
  isRetry: false,
  isFirst: false,
  rank: 0,
  joinedEmptyAt: 0,
  turns: 0,
  tieBreaker: 0,
};

function adopt(step: Step, desired: PrepullWork, { node, nodeUid: uid, digest, reference }: LeftoverPull): void {
  const work = workOn(desired, node);
  if (work?.uid !== uid || step.state.pulls.has(keyOf({ uid, digest }))) return;
  syncNode(step, desired, work);
  if (startLeftover(step, node, digest)) return;
  const now = step.now.monotonic;
  stepNode(step, node, { type: "pull.adopted", digest, reference, now: step.now });
  const pull = { node, uid, digest, givenUpAt: now, overdueAt: null, hasActor: false, sent: null };
  const { pulls, policy } = step.state;
  const start = { candidate: { ...UNKNOWN, uid, digest, waitingSince: now }, isLent: false };
  step.state = { ...step.state, pulls: new Map(pulls).set(keyOf(pull), pull), policy: policy.started(start, now) };
}

function finish(step: Step, desired: PrepullWork): Reconciled {
  const now = step.now.monotonic;
  const before = step.before;
  const isOutside = step.state.settings.mode === "outside";
  const isSynced = syncNodes(step, desired);
  const times = isOutside ? expireReports(step) : overseePulls(step);
  let { dueAt } = before;
  let isDone = isSynced;
  if (!isSynced) dueAt = Number.NEGATIVE_INFINITY;
  else if (!isOutside && mayStart(before, step)) ({ isDone, dueAt } = startPulls(step));
  step.state = { ...step.state, dueAt };
  const { policy, refusal, broken } = step.state;
  // Those that have just started are to be reviewed, too.
  times.push(policy.review(now).nextAt ?? Number.POSITIVE_INFINITY);
  times.push(dueAt);
  if (refusal !== null) times.push(refusal.until);
  times.push(...broken.values());
  const nextAt = isDone ? Math.min(...times.filter((time) => time > now)) : now;
  return { state: endStep(step), commands: step.commands, nextAt: Number.isFinite(nextAt) ? nextAt : null };
}

/** Whether something has changed since nothing more could start: candidates are looked for among all nodes. */
function mayStart(before: PrepullState, step: Step): boolean {
  const now = step.now.monotonic;
  const { policy, refusal, pulls } = step.state;
  return (
    endStep(step).nodes !== before.nodes ||
    pulls !== before.pulls ||
    refusal !== null ||
    refusal !== before.refusal ||
    now >= before.dueAt ||
    policy.limit(now) !== before.policy.limit(now) ||
    policy.slotsInUse !== before.policy.slotsInUse ||
    policy.lentPulls !== before.policy.lentPulls
  );
}

function observe(step: Step, desired: PrepullWork, happening: Happening): void {
  if (happening.type === "prepull.reported") {
    takeReport(step, desired, happening.report);
    return;
  }
  const key = happening.type === "pull.crashed" ? happening.key : keyOf(happening);
  const pull = step.state.pulls.get(key);
  if (pull?.hasActor !== true) return;
  const { node, uid, digest } = pull;
  const { now } = step;
  if (happening.type === "pull.accepted") noteAcceptance(step, pull);
  else if (happening.type === "pull.stalled") stallPull(step, pull, happening.failure);
  else if (happening.type === "pull.failed") failPull(step, desired, pull, happening.failure);
  else if (happening.type === "pull.withdrawn") withdrawPull(step, pull, happening.mayGoOn);
  else if (happening.type === "pull.crashed") {
    endPull(step, pull, { kind: "detached" });
    breakNode(step, node, happening.error);
  } else {
    endPull(step, pull, { kind: "succeeded" });
    stepPull(step, pull, { type: "pull.succeeded", digest, now });
    report(step, { type: "image.prepulled", digest, node, uid, markedAt: now.monotonic });
  }
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
