import type { PrepullProgress, PrepullState } from "../snapshot/answers.ts";
import type { PullFailureClass } from "./failure-table.ts";
import type { PullRetry } from "./policy.ts";
import { isSameTarget } from "./prepull-work.ts";
import type { PullFailure, PullTarget, Times } from "./pull.ts";
import { judgeThrashing, type Thrashing } from "./thrashing.ts";

/** What is known of one image that a node lacks. Immutable. */
export interface PullRecord extends PullTarget {
  /** Pulls started, the running one included. */
  readonly attempts: number;
  /** Pulls that have failed in a row. */
  readonly failures: number;
  /** How many of those put it behind new work. */
  readonly blamedFailures: number;
  readonly reason: string;
  readonly message: string;
  /** Of the last pull, where it has failed; else null. */
  readonly failureClass: PullFailureClass | null;
  /** Whether an outside prepuller has given it up. */
  readonly isCancelled: boolean;
  /** When the running pull, or else the last one, started: milliseconds since the epoch. */
  readonly startTime: number | null;
  /** From which time on it may be pulled, monotonic milliseconds; infinite where somebody else decides. */
  readonly dueAt: number;
  /** `dueAt` as people read it, milliseconds since the epoch; null where it is not put off. */
  readonly nextAttemptTime: number | null;
}

/** Reason of an image that waits because it does not stay on the node. */
export const THRASHING_REASON = "Thrashing";

/** What is known of what a node lacks, in the order of the targets: what is known already stays as it is. */
export function syncRecords(
  known: readonly PullRecord[],
  targets: readonly PullTarget[],
  thrashingOf: (digest: string) => ThrashingImage | null,
  now: Times,
): readonly PullRecord[] {
  const byDigest = new Map(known.map((record) => [record.digest, record]));
  return targets.map((target) => {
    const record = byDigest.get(target.digest);
    if (record === undefined) return newRecord(target, thrashingOf(target.digest), now);
    return isSameTarget(record, target) ? record : { ...record, ...target };
  });
}

/** An image that does not stay on the node, and what is said of it. */
export interface ThrashingImage {
  readonly message: string;
  /** When it may be pulled again, monotonic milliseconds. */
  readonly notBefore: number;
}

/** Whether an image that was pulled at these times and is missing again is thrashing; `missingCause` says why it may be missing. */
export function thrashingImage(pulledAt: readonly number[], missingCause: string, now: number): ThrashingImage | null {
  const thrashing = judgeThrashing(pulledAt, now);
  if (thrashing === null) return null;
  return { message: thrashingMessage(thrashing, missingCause), notBefore: thrashing.notBefore };
}

function thrashingMessage({ pulls }: Thrashing, missingCause: string): string {
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
  return (
    "its disk is too small for the images that belong on it, its kubelet removes them (imageMaximumGCAge, where that is set, " +
    "takes images whose pods it has not seen), or somebody else does"
  );
}

function newRecord(target: PullTarget, thrashing: ThrashingImage | null, now: Times): PullRecord {
  return {
    ...target,
    attempts: 0,
    failures: 0,
    blamedFailures: 0,
    reason: thrashing === null ? "" : THRASHING_REASON,
    message: thrashing?.message ?? "",
    failureClass: null,
    isCancelled: false,
    startTime: null,
    ...(thrashing === null ? dueNow(now) : dueIn(thrashing.notBefore - now.monotonic, now)),
  };
}

/** The image to pull next: new work first, then what failed before, each in order; null where none is due. */
export function nextRecord(records: readonly PullRecord[], now: number): PullRecord | null {
  let first: PullRecord | null = null;
  for (const record of records) {
    if (record.dueAt > now) continue;
    if (!isRetry(record)) return record;
    first ??= record;
  }
  return first;
}

/** Whether new work goes before it, because it has failed; the recommended image has a second chance. */
export function isRetry({ blamedFailures, isRecommended }: PullRecord): boolean {
  return blamedFailures > (isRecommended ? 1 : 0);
}

/** Its pull starts. */
export function recordStart(record: PullRecord, now: Times): PullRecord {
  return { ...record, ...dueNow(now), ...SAID_NOTHING, attempts: record.attempts + 1, startTime: now.wall };
}

/** Its pull has failed; `retry` is null where somebody else decides when it is tried again. */
export function recordFailure(
  record: PullRecord,
  { failureClass, reason, message }: PullFailure,
  retry: PullRetry | null,
  now: Times,
): PullRecord {
  return {
    ...record,
    ...(retry === null ? NEVER_DUE : dueIn(retry.waitMs, now)),
    reason,
    message,
    failureClass,
    isCancelled: false,
    failures: record.failures + 1,
    blamedFailures: record.blamedFailures + (retry?.isRetry === false ? 0 : 1),
  };
}

/** What an outside prepuller says of it, where no pull has started or failed by that. */
export function recordNote(
  record: PullRecord,
  state: PrepullState,
  { reason, message }: Pick<PullFailure, "reason" | "message">,
): PullRecord {
  return { ...record, ...NEVER_DUE, reason, message, failureClass: null, isCancelled: state === "CANCELLED" };
}

/** The record with this digest replaced; the same list where there is none. */
export function withRecord(
  records: readonly PullRecord[],
  digest: string,
  edit: (record: PullRecord) => PullRecord,
): readonly PullRecord[] {
  return records.map((record) => (record.digest === digest ? edit(record) : record));
}

/** What keeps a node from the work on an image: it is being pulled there, or waits for another pull's end. */
export type NodeActivity = "pulling" | "behind" | null;

/** The work on an image as it is shown. */
export function progressOf(node: string, record: PullRecord, activity: NodeActivity): PrepullProgress {
  const { digest, reference, reason, failureClass, attempts, startTime, nextAttemptTime } = record;
  const state = stateOf(record, activity === "pulling");
  const isBehind = activity === "behind" && state === "WAITING" && record.message === "";
  const message = isBehind ? "waits behind an earlier pull on the node" : record.message;
  return { node, digest, reference, state, reason, message, failureClass, attempts, startTime, nextAttemptTime };
}

function stateOf({ failureClass, isCancelled }: PullRecord, isPulling: boolean): PrepullState {
  if (isPulling) return "PULLING";
  if (isCancelled) return "CANCELLED";
  return failureClass === null ? "WAITING" : "FAILED";
}

const SAID_NOTHING = { reason: "", message: "", failureClass: null, isCancelled: false };
const NEVER_DUE = { dueAt: Number.POSITIVE_INFINITY, nextAttemptTime: null };

function dueNow({ monotonic }: Times): Pick<PullRecord, "dueAt" | "nextAttemptTime"> {
  return { dueAt: monotonic, nextAttemptTime: null };
}

function dueIn(milliseconds: number, { wall, monotonic }: Times): Pick<PullRecord, "dueAt" | "nextAttemptTime"> {
  const wait = Math.max(0, milliseconds);
  return { dueAt: monotonic + wait, nextAttemptTime: Math.round(wall + wait) };
}
