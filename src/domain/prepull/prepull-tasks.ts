import type { PrepullProgress, PrepullState } from "../snapshot/answers.ts";
import type { PullFailureClass } from "./failure-table.ts";
import { isSameTarget } from "./prepull-work.ts";
import type { PullFailure, PullTarget } from "./pull.ts";
import { judgeThrashing, type Thrashing } from "./thrashing.ts";

/** An image that a node lacks, and how far the work on it has come. Immutable; one that has succeeded is no task any more. */
export interface PrepullTask extends PullTarget {
  readonly state: Exclude<PrepullState, "SUCCEEDED">;
  readonly reason: string;
  readonly message: string;
  /** Of the last failure, where that is what the state is about; else null. */
  readonly failureClass: PullFailureClass | null;
  /** Pulls started, the running one included. */
  readonly attempts: number;
  /** Pulls that have failed in a row. */
  readonly failures: number;
  /** When the running pull, or else the last one, started: milliseconds since the epoch. */
  readonly startTime: number | null;
  /** Before which time it may not be pulled, monotonic milliseconds: null for no such time. */
  readonly dueAt: number | null;
  /** `dueAt` as people read it, milliseconds since the epoch. */
  readonly nextAttemptTime: number | null;
}

/** What is remembered of one image on one node beyond the work on it. */
export interface PairHistory {
  /** The task as it stood when the work on it was interrupted after failures, or null. */
  readonly task: PrepullTask | null;
  /** When it was pulled there, monotonic milliseconds. */
  readonly pulledAt: readonly number[];
}

/** What is remembered, with what the node's reports say now. */
export interface KnownHistory extends PairHistory {
  /** Why an image may be missing from them that was pulled, for an operator. */
  readonly missingCause: string;
}

/** Both scales of time, milliseconds. */
export interface Times {
  /** Since the epoch. */
  readonly wall: number;
  readonly monotonic: number;
}

/** Reason of a task that waits because its image does not stay on the node. */
export const THRASHING_REASON = "Thrashing";

/** A new task for what a node lacks, with what is known from before. */
export function newTask(target: PullTarget, history: KnownHistory | null, now: Times): PrepullTask {
  if (history?.task) return { ...history.task, ...target };
  const fresh: PrepullTask = {
    ...target,
    state: "WAITING",
    reason: "",
    message: "",
    failureClass: null,
    attempts: 0,
    failures: 0,
    startTime: null,
    dueAt: null,
    nextAttemptTime: null,
  };
  const thrashing = judgeThrashing(history?.pulledAt ?? [], now.monotonic);
  if (history === null || thrashing === null) return fresh;
  const message = thrashingMessage(thrashing, history.missingCause);
  return { ...fresh, reason: THRASHING_REASON, message, ...dueIn(thrashing.notBefore - now.monotonic, now) };
}

/** What was observed of an image that does not stay, for an operator. */
export function thrashingMessage({ pulls }: Thrashing, missingCause: string): string {
  return `the image was pulled ${pulls} times within hours and was missing from the node's report each time: ${missingCause}`;
}

/** The kubelet's default for `nodeStatusMaxImages`. */
const DEFAULT_MAX_IMAGES = 50;

/** Why an image that was pulled to a node may be missing from its reports, as far as they show it (field case F25). */
export function missingCause(images: number, nodeStatusMaxImages: number): string {
  if (images === 0) {
    return "the node reports no images at all; look at nodeStatusMaxImages of its kubelet, where 0 means none";
  }
  if (images === DEFAULT_MAX_IMAGES && nodeStatusMaxImages !== DEFAULT_MAX_IMAGES) {
    return `the node reports ${images} images, the default limit of kubelets; set kubernetes.nodeStatusMaxImages as its kubelet has it`;
  }
  return "its disk is too small for the images that belong on it, or its kubelet or somebody else removes them";
}

/** The tasks for these targets, in their order: those that are known go on, the others are new. */
export function syncTasks(
  tasks: readonly PrepullTask[],
  targets: readonly PullTarget[],
  historyOf: (digest: string) => KnownHistory | null,
  now: Times,
): readonly PrepullTask[] {
  const known = new Map(tasks.map((task) => [task.digest, task]));
  return targets.map((target) => {
    const task = known.get(target.digest);
    if (task === undefined) return newTask(target, historyOf(target.digest), now);
    return isSameTarget(task, target) ? task : { ...task, ...target };
  });
}

/**
 * The task to work on next: new work first, then what failed before, each in order; null where none is due. The
 * recommended image is the first of the order. `only` is the digest of the one image to look at, where that is given.
 */
export function nextTask(tasks: readonly PrepullTask[], now: number, only?: string): PrepullTask | null {
  const due = tasks.filter((task) => isDue(task, now) && (only ?? task.digest) === task.digest);
  return due.find((task) => !isRetry(task)) ?? due[0] ?? null;
}

/** Whether new work goes before it, because it has failed; the recommended image has a second chance. */
export function isRetry({ failures, isRecommended }: PrepullTask): boolean {
  return failures > (isRecommended ? 1 : 0);
}

/** When a task falls due next, monotonic milliseconds; null where none will. */
export function nextDueTime(tasks: readonly PrepullTask[]): number | null {
  let next: number | null = null;
  for (const { state, dueAt } of tasks) {
    if (state !== "PULLING" && dueAt !== null) next = Math.min(next ?? dueAt, dueAt);
  }
  return next;
}

function isDue({ state, dueAt }: PrepullTask, now: number): boolean {
  if (state === "WAITING") return dueAt === null || dueAt <= now;
  return state === "FAILED" && dueAt !== null && dueAt <= now;
}

/** The tasks whose pull is under way. */
export function pullingTasks(tasks: readonly PrepullTask[]): readonly PrepullTask[] {
  return tasks.filter(({ state }) => state === "PULLING");
}

/** The task of the digest, or null. */
export function taskOf(tasks: readonly PrepullTask[], digest: string): PrepullTask | null {
  return tasks.find((task) => task.digest === digest) ?? null;
}

/** The pull of this digest starts. */
export function startTask(tasks: readonly PrepullTask[], digest: string, now: Times): readonly PrepullTask[] {
  return editTask(tasks, digest, (task) => ({
    ...task,
    ...NOT_DUE,
    state: "PULLING",
    reason: "",
    message: "",
    failureClass: null,
    attempts: task.attempts + 1,
    startTime: now.wall,
  }));
}

/** The pull of this digest has failed; `wait` milliseconds until the next one, or null where somebody else decides. */
export function failTask(
  tasks: readonly PrepullTask[],
  digest: string,
  { failureClass, reason, message }: PullFailure,
  wait: number | null,
  now: Times,
): readonly PrepullTask[] {
  return editTask(tasks, digest, (task) => ({
    ...task,
    ...(wait === null ? NOT_DUE : dueIn(wait, now)),
    state: "FAILED",
    reason,
    message,
    failureClass,
    failures: task.failures + 1,
  }));
}

/** The work on this digest is in this state, as an outside prepuller says; no pull has started or failed by that. */
export function noteTask(
  tasks: readonly PrepullTask[],
  digest: string,
  state: PrepullTask["state"],
  { reason, message }: Pick<PullFailure, "reason" | "message">,
): readonly PrepullTask[] {
  return editTask(tasks, digest, (task) => ({ ...task, ...NOT_DUE, state, reason, message, failureClass: null }));
}

/** The image of this digest is on the node. */
export function dropTask(tasks: readonly PrepullTask[], digest: string): readonly PrepullTask[] {
  return tasks.filter((task) => task.digest !== digest);
}

/** The task as it is kept while nobody works on it: null where there is nothing to remember. */
export function interruptedTask(task: PrepullTask): PrepullTask | null {
  if (task.failures === 0) return null;
  return task.state === "PULLING" ? { ...task, state: "WAITING" } : task;
}

/** The task as progress. */
export function progressOfTask(node: string, task: PrepullTask): PrepullProgress {
  const { digest, reference, state, reason, message, failureClass, attempts, startTime, nextAttemptTime } = task;
  return { node, digest, reference, state, reason, message, failureClass, attempts, startTime, nextAttemptTime };
}

const NOT_DUE = { dueAt: null, nextAttemptTime: null };

function dueIn(milliseconds: number, { wall, monotonic }: Times): Pick<PrepullTask, "dueAt" | "nextAttemptTime"> {
  const wait = Math.max(0, milliseconds);
  return { dueAt: monotonic + wait, nextAttemptTime: Math.round(wall + wait) };
}

function editTask(
  tasks: readonly PrepullTask[],
  digest: string,
  edit: (task: PrepullTask) => PrepullTask,
): readonly PrepullTask[] {
  return tasks.map((task) => (task.digest === digest ? edit(task) : task));
}
