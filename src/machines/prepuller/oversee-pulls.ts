import { isClusterWide } from "../../domain/prepull/pod-refusal.ts";
import type { PrepullWork } from "../../domain/prepull/prepull-work.ts";
import { mayGoOn, type PullFailure } from "../../domain/prepull/pull.ts";
import type { NodePrepullEvent } from "./node-prepull.ts";
import type { PullPhase } from "./node-work.ts";
import { noteRefusal } from "./pod-trials.ts";
import { keyOf, type PullInProgress } from "./prepull-state.ts";
import { endPull, nodesOf, type Step, stepNode } from "./prepull-step.ts";
import type { PullRequest } from "./prepuller-events.ts";

/** An actor that was sent that its pull's time is over, or that its pod is to go, reports within this time, ms. */
export const PULL_GRACE = 10_000;

const TIMED_OUT: PullFailure = {
  failureClass: "timeout",
  reason: "DeadlineExceeded",
  message: "the pull has not ended within the prepull time-out",
};

const STUCK: PullFailure = {
  failureClass: "timeout",
  reason: "DeadlineExceeded",
  message: "the pull has not ended within prepuller.stuckPullTimeout after it was given up",
};

/**
 * Gives up pulls whose time is over, and sees to it that those that were given up do not keep their node busy for ever (field
 * case F70). Returns the times when to look again.
 */
export function overseePulls(step: Step): number[] {
  const { policy, overdue } = step.state.policy.review(step.now.monotonic);
  step.state = { ...step.state, policy };
  for (const key of overdue) giveUp(step, keyOf(key));
  return [...step.state.pulls.keys()].map((key) => oversee(step, key));
}

/** It no longer holds a slot. */
function giveUp(step: Step, key: string): void {
  const pull = step.state.pulls.get(key);
  if (pull === undefined) return;
  const overdueAt = step.now.monotonic;
  step.state = { ...step.state, policy: step.state.policy.givenUp(pull, overdueAt) };
  setPull(step, { ...pull, overdueAt });
  if (pull.hasActor && phaseOf(step, pull) === "pulling") send(step, pull, "pull.giveUp");
}

function oversee(step: Step, key: string): number {
  const pull = step.state.pulls.get(key);
  if (pull === undefined) return Number.POSITIVE_INFINITY;
  const phase = phaseOf(step, pull);
  return phase === "pulling" ? overseeRunning(step, pull) : overseeGivenUp(step, pull, phase);
}

function overseeRunning(step: Step, pull: PullInProgress): number {
  const { givenUpAt, overdueAt } = pull;
  const lateAt = overdueAt === null ? Number.POSITIVE_INFINITY : overdueAt + PULL_GRACE;
  // It has a new pod, and was given up with an earlier one.
  const stuckAt = givenUpAt === null ? Number.POSITIVE_INFINITY : givenUpAt + step.state.settings.stuckPullTimeout;
  const until = Math.min(lateAt, stuckAt);
  if (step.now.monotonic < until) return until;
  stallPull(step, pull, stuckAt < lateAt ? STUCK : TIMED_OUT);
  return overseeGivenUp(step, pull, "stalled");
}

function overseeGivenUp(step: Step, pull: PullInProgress, phase: PullPhase | null): number {
  const now = step.now.monotonic;
  const givenUpAt = pull.givenUpAt ?? now;
  const until = givenUpAt + step.state.settings.stuckPullTimeout;
  const isEnd = pull.hasActor ? now >= until + PULL_GRACE : now >= until || phase === null || phase === "over";
  if (isEnd) {
    settle(step, pull);
    return Number.POSITIVE_INFINITY;
  }
  setPull(step, { ...pull, givenUpAt });
  if (!pull.hasActor) return until;
  send(step, { ...pull, givenUpAt }, phase === "stalled" && now < until ? "pull.withdraw" : "pull.remove");
  return now < until ? until : until + PULL_GRACE;
}

function send(step: Step, pull: PullInProgress, type: PullRequest["type"]): void {
  if (pull.sent === type || pull.sent === "pull.remove") return;
  const current = step.state.pulls.get(keyOf(pull));
  if (current !== undefined) setPull(step, { ...current, sent: type });
  step.commands.push({ type: "send", key: keyOf(pull), request: { type } });
}

/** The pull is over, or nothing more is known of it. */
function settle(step: Step, pull: PullInProgress): void {
  // How long it took is known only where a pod was watched until then.
  const isSuccess = pull.hasActor && phaseOf(step, pull) === "over";
  endPull(step, pull, { kind: isSuccess ? "succeeded" : "withdrawn" });
  stepPull(step, pull, { type: "pull.withdrawn", digest: pull.digest, now: step.now });
}

/** The pod is to go, or there was none; the kubelet may go on with the pull all the same. */
export function withdrawPull(step: Step, pull: PullInProgress, isGoingOn: boolean): void {
  const phase = phaseOf(step, pull);
  const isLate = step.now.monotonic >= (pull.givenUpAt ?? step.now.monotonic) + step.state.settings.stuckPullTimeout;
  if (isGoingOn && !isLate && phase !== null && phase !== "over") leaveAlone(step, pull);
  else settle(step, pull);
}

/** The pull has failed, or its pod has been interrupted, which is not the end of the pull. */
export function failPull(step: Step, desired: PrepullWork, pull: PullInProgress, failure: PullFailure): void {
  const { uid, digest } = pull;
  if (mayGoOn(failure) && phaseOf(step, pull) !== null) {
    leaveAlone(step, pull);
    stepPull(step, pull, { type: "pull.stalled", ...failed(step, pull, failure), isAbandoned: true });
    return;
  }
  endPull(step, pull, { kind: "failed", failureClass: failure.failureClass });
  if (isClusterWide(failure)) noteRefusal(step, desired, { uid, digest, failure });
  stepPull(step, pull, { type: "pull.failed", ...failed(step, pull, failure) });
}

/** The pull's time is over, and it goes on at the node. */
export function stallPull(step: Step, pull: PullInProgress, failure: PullFailure): void {
  if (phaseOf(step, pull) !== "pulling") return;
  stepPull(step, pull, { type: "pull.stalled", ...failed(step, pull, failure), isAbandoned: false });
}

function failed(step: Step, { node, uid, digest }: PullInProgress, failure: PullFailure) {
  const record = nodesOf(step)
    .get(node)
    ?.context.records.find((one) => one.digest === digest);
  const failures = (record?.failures ?? 0) + 1;
  const retry = step.state.policy.retry({ uid, digest }, failure.failureClass, failures, step.random());
  return { digest, failure, retry, now: step.now };
}

/** It goes on without a pod, as far as anybody knows. */
function leaveAlone(step: Step, pull: PullInProgress): void {
  setPull(step, { ...pull, hasActor: false, givenUpAt: pull.givenUpAt ?? step.now.monotonic });
  step.commands.push({ type: "stop", key: keyOf(pull) });
}

function setPull(step: Step, pull: PullInProgress): void {
  step.state = { ...step.state, pulls: new Map(step.state.pulls).set(keyOf(pull), pull) };
}

/** Steps the chart of this very node: another one may have been made under its name. */
export function stepPull(step: Step, { node, uid }: PullInProgress, event: NodePrepullEvent): void {
  if (nodesOf(step).get(node)?.context.uid === uid) stepNode(step, node, event);
}

/** How far the pull has come as its node's chart has it; null where the node has gone. */
function phaseOf(step: Step, { node, uid, digest }: PullInProgress): PullPhase | null {
  const context = nodesOf(step).get(node)?.context;
  if (context?.uid !== uid) return null;
  return context.pulls.find((pull) => pull.digest === digest)?.phase ?? null;
}

/** What an outside prepuller reports nothing more of has failed after its time-out. Returns the times of the others. */
export function expireReports(step: Step): number[] {
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
