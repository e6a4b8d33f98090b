import type { PullRetry } from "../../domain/prepull/policy.ts";
import type { PrepullWork } from "../../domain/prepull/prepull-work.ts";
import type { PullFailure, PullTarget, Times } from "../../domain/prepull/pull.ts";
import type { PullEvent, PullFacts } from "../../domain/prepull/pull-event.ts";
import {
  type PullRecord,
  recordFailure,
  recordNote,
  recordStart,
  syncRecords,
  thrashingImage,
  withRecord,
} from "../../domain/prepull/pull-record.ts";
import { type PullTimes, rememberPulls } from "../../domain/prepull/thrashing.ts";
import type { PrepullReport } from "../../ports.ts";

/**
 * How far a pull in progress has come. The kubelet goes on with one that was given up: `stalled`, because it took too long or
 * its image is no longer wanted, and its pod is kept, since that shows the end; `abandoned`, and its pod has gone or is to go;
 * `over`, the node reports the image, and the pod is to go.
 */
export type PullPhase = "pulling" | "stalled" | "abandoned" | "over";

/** A pull in progress at the node. */
export interface NodePull extends Omit<PullFacts, "node" | "uid"> {
  readonly phase: PullPhase;
  /** Monotonic milliseconds. */
  readonly startedAt: number;
}

/** The work on one node. */
export interface NodeWorkContext {
  readonly node: string;
  /** Of the Node object. */
  readonly uid: string;
  /** What is wanted there; the very list of the work that it follows from. */
  readonly targets: readonly PullTarget[];
  /** One for each target; on an excluded node, what has failed there and is remembered. */
  readonly records: readonly PullRecord[];
  /** Ours are one at a time; an outside prepuller may have several. */
  readonly pulls: readonly NodePull[];
  readonly pulledAt: PullTimes;
  readonly isExcluded: boolean;
  /** Pulls started since it has had work. */
  readonly turns: number;
  /** Since when no pull keeps it busy, monotonic milliseconds. */
  readonly freeSince: number;
  /** When it came with next to nothing, monotonic milliseconds; 0 where it had most of the images. */
  readonly joinedEmptyAt: number;
  /** Drawn once: decides among equals. */
  readonly tieBreaker: number;
  /** What the last event has brought about. */
  readonly happened: readonly PullEvent[];
}

/** What is wanted on the node has changed. */
export interface WorkChange {
  readonly targets: readonly PullTarget[];
  readonly setSize: PrepullWork["setSize"];
  /** Digests of pulls in progress whose image the node reports. */
  readonly present: readonly string[];
  /** Why an image may be missing from its reports that was pulled. */
  readonly missingCause: string;
  readonly now: Times;
}

/** What changes with one event. */
type NodeChange = Partial<NodeWorkContext> & Pick<NodeWorkContext, "happened">;

const NOTHING: NodeChange = { happened: [] };

/** Targets come and go; a pull whose image is no longer wanted is given up. */
export function changeWork(context: NodeWorkContext, work: WorkChange): NodeChange {
  const { targets, setSize, missingCause, now } = work;
  const isBeginning = context.targets.length === 0 && targets.length > 0;
  const dropped = dropUnwanted(context, new Set(targets.map(({ digest }) => digest)), work.present, null);
  const known = new Set(context.records.map(({ digest }) => digest));
  const thrashingOf = (digest: string) =>
    thrashingImage(context.pulledAt.get(digest) ?? [], missingCause, now.monotonic);
  const records = syncRecords(context.records, targets, thrashingOf, now);
  const thrashing = records.flatMap((record): PullEvent[] => {
    const image = known.has(record.digest) ? null : thrashingOf(record.digest);
    if (image === null) return [];
    return [{ type: "image.thrashing", ...factsOf(context, record), message: image.message }];
  });
  const beginning = {
    turns: 0,
    freeSince: now.monotonic,
    joinedEmptyAt: 2 * targets.length > setSize ? now.monotonic : 0,
  };
  const happened = [...dropped.events, ...thrashing];
  return { targets, records, pulls: dropped.pulls, isExcluded: false, happened, ...(isBeginning ? beginning : {}) };
}

/** Nothing may be pulled to the node any longer; what has failed there is remembered. */
export function exclude(context: NodeWorkContext, present: readonly string[], comment: string): NodeChange {
  const { pulls, events } = dropUnwanted(context, NO_DIGESTS, present, comment);
  const records = context.records.filter(({ failures }) => failures > 0);
  return { targets: [], records, pulls, isExcluded: true, happened: events };
}

/** The node has gone. */
export function leave(context: NodeWorkContext): NodeChange {
  return { happened: dropUnwanted(context, NO_DIGESTS, [], "").events };
}

const NO_DIGESTS: ReadonlySet<string> = new Set();
const UNWANTED = "the image is no longer wanted here";

/** A pull whose image is on the node has succeeded: the node's report may come before the pull's own end. */
function dropUnwanted(
  context: NodeWorkContext,
  wanted: ReadonlySet<string>,
  present: readonly string[],
  comment: string | null,
) {
  const events: PullEvent[] = [];
  const phase = comment === null ? "stalled" : "abandoned";
  const pulls = context.pulls.map((pull): NodePull => {
    if (wanted.has(pull.digest) || pull.phase === "over") return pull;
    const facts = factsOf(context, pull);
    const isPulling = pull.phase === "pulling";
    if (present.includes(pull.digest)) {
      events.push(
        isPulling ? { type: "pull.succeeded", ...facts } : { type: "pull.settled", ...facts, outcome: "succeeded" },
      );
      return { ...pull, phase: "over" };
    }
    if (isPulling) events.push({ type: "pull.cancelled", ...facts, message: comment ?? UNWANTED });
    return { ...pull, phase: pull.phase === "abandoned" ? "abandoned" : phase };
  });
  for (const record of context.records) {
    if (wanted.has(record.digest) || record.failures === 0) continue;
    events.push({ type: "failure.dropped", ...factsOf(context, record), message: comment ?? "" });
  }
  return { pulls, events };
}

/** A pull of one of the images starts. */
export function start(context: NodeWorkContext, digest: string, now: Times): NodeChange {
  const records = withRecord(context.records, digest, (record) => recordStart(record, now));
  const record = records.find((one) => one.digest === digest);
  if (record === undefined) return NOTHING;
  const { reference, attempts, startTime } = record;
  const pull: NodePull = { digest, reference, attempts, startTime, phase: "pulling", startedAt: now.monotonic };
  const happened: PullEvent[] = [{ type: "pull.started", ...factsOf(context, record) }];
  // An abandoned pull of the same image is the same pull: this one's pod shows its end.
  const others = context.pulls.filter((one) => one.digest !== digest);
  return { records, pulls: [...others, pull], turns: context.turns + 1, happened };
}

/** A container was created from the image: it is on the node. */
export function succeed(context: NodeWorkContext, digest: string, now: Times): NodeChange {
  const pull = pullOf(context, digest) ?? recordOf(context, digest);
  if (pull === null) return NOTHING;
  const facts = factsOf(context, pull);
  const isLate = "phase" in pull && pull.phase !== "pulling";
  const pulledAt = rememberPulls(context.pulledAt, digest, now.monotonic);
  const records = context.records.filter((record) => record.digest !== digest);
  const event: PullEvent = isLate
    ? { type: "pull.settled", ...facts, outcome: "succeeded" }
    : { type: "pull.succeeded", ...facts };
  return { ...ended(context, digest, now), records, pulledAt, happened: [event] };
}

/** A failure of one of the pulls. */
export interface PullFailed {
  readonly digest: string;
  readonly failure: PullFailure;
  /** Null where somebody else decides when it is tried again. */
  readonly retry: PullRetry | null;
  readonly now: Times;
}

/** The pull is given up for this reason, and goes on at the node; `isAbandoned`: without a pod. */
export function stall(context: NodeWorkContext, failed: PullFailed & { readonly isAbandoned: boolean }): NodeChange {
  const { digest, isAbandoned } = failed;
  const phase = isAbandoned ? "abandoned" : "stalled";
  const { pulls } = context;
  const after = fail(context, failed);
  const going = pulls.map((pull): NodePull => (pull.digest === digest ? { ...pull, phase } : pull));
  return { ...after, pulls: going, happened: after.happened.filter(({ type }) => type !== "pull.settled") };
}

/** A pull of an earlier process goes on at the node. */
export function adopt(
  { pulls }: NodeWorkContext,
  { digest, reference, now }: { readonly digest: string; readonly reference: string; readonly now: Times },
): NodeChange {
  const pull = {
    digest,
    reference,
    attempts: 1,
    startTime: null,
    startedAt: now.monotonic,
    phase: "abandoned",
  } as const;
  return { pulls: [...pulls.filter((one) => one.digest !== digest), pull], happened: [] };
}

/** The pull has failed. */
export function fail(context: NodeWorkContext, { digest, failure, retry, now }: PullFailed): NodeChange {
  const pull = pullOf(context, digest);
  const change = ended(context, digest, now);
  if (pull !== null && pull.phase !== "pulling") {
    return { ...change, happened: [{ type: "pull.settled", ...factsOf(context, pull), outcome: "failed" }] };
  }
  const records = withRecord(context.records, digest, (record) => recordFailure(record, failure, retry, now));
  const record = records.find((one) => one.digest === digest);
  if (record === undefined) return { ...change, happened: [] };
  const { failureClass, reason, message } = failure;
  const details = { failureClass, reason, message, nextAttemptTime: record.nextAttemptTime };
  return { ...change, records, happened: [{ type: "pull.failed", ...factsOf(context, record), ...details }] };
}

/** Nobody here sees how the pull ended; `detached`: it goes on without this replica. */
export function release(
  context: NodeWorkContext,
  digest: string,
  type: "pull.withdrawn" | "pull.detached",
  now: Times,
): NodeChange {
  const pull = pullOf(context, digest);
  if (pull === null) return NOTHING;
  const happened: PullEvent[] = [];
  if (pull.phase === "pulling") {
    const facts = factsOf(context, pull);
    happened.push(type === "pull.detached" ? { type, ...facts } : { type: "pull.cancelled", ...facts, message: "" });
  }
  // Whoever adopts the pull goes on with the same attempt.
  const attempts = type === "pull.detached" ? 1 : 0;
  const records = withRecord(context.records, digest, (one) => ({ ...one, attempts: one.attempts - attempts }));
  // The node's report has shown its end.
  const isPulled = pull.phase === "over";
  const pulledAt = isPulled ? rememberPulls(context.pulledAt, digest, now.monotonic) : context.pulledAt;
  return { ...ended(context, digest, now), records, pulledAt, happened };
}

/** An outside prepuller's report moves the same states as a pull of ours. */
export function takeReport(context: NodeWorkContext, report: PrepullReport, now: Times): NodeChange {
  const { digest, state } = report;
  const record = recordOf(context, digest);
  if (record === null) return NOTHING;
  const pull = pullOf(context, digest);
  if (state === "SUCCEEDED") return succeed(context, digest, now);
  if (state === "FAILED") {
    const failure = { ...report, failureClass: report.failureClass ?? "other" };
    return fail(context, { digest, failure, retry: null, now });
  }
  if (state === "PULLING" && pull === null) return start(context, digest, now);
  const records = withRecord(context.records, digest, (one) => recordNote(one, state, report));
  if (state === "PULLING" || pull === null) return { records, happened: [] };
  const cancelled: PullEvent = { type: "pull.cancelled", ...factsOf(context, pull), message: report.message };
  return { ...ended(context, digest, now), records, happened: [cancelled] };
}

function ended({ pulls }: NodeWorkContext, digest: string, now: Times) {
  return { pulls: pulls.filter((pull) => pull.digest !== digest), freeSince: now.monotonic };
}

function pullOf({ pulls }: NodeWorkContext, digest: string): NodePull | null {
  return pulls.find((pull) => pull.digest === digest) ?? null;
}

function recordOf({ records }: NodeWorkContext, digest: string): PullRecord | null {
  return records.find((record) => record.digest === digest) ?? null;
}

function factsOf(
  { node, uid }: NodeWorkContext,
  { digest, reference, attempts, startTime }: Pick<PullRecord, "digest" | "reference" | "attempts" | "startTime">,
): PullFacts {
  return { node, uid, digest, reference, attempts, startTime };
}
