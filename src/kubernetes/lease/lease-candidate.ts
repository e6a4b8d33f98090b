import { isDeepStrictEqual } from "node:util";
import { LabImagesError } from "../../domain/errors.ts";
import { quotePeer } from "../../lib/redact.ts";
import type { Clock, Logger } from "../../ports.ts";
import { KubernetesAnswerError } from "../client/api-errors.ts";
import type { KubernetesConnection } from "../client/connection.ts";
import { createAnnouncements } from "./announcement.ts";
import { createLeaseApi, type LeaseApi } from "./lease-api.ts";
import { annotationsOf, type LeaseRecord, microTime, type StoredLease, withAnnotation } from "./lease-object.ts";

/** Annotation of the Lease with the instance of whoever acquired it last (field case F44). */
const INSTANCE_ANNOTATION = "lab-images/prepuller-instance";

/** How long a lease is good for and how often it is renewed; milliseconds. */
export interface LeaseTiming {
  /** After so long without a renewal that they have seen, others may take the lease. */
  readonly leaseDuration: number;
  /** After so long without a renewal of its own the holder writes nothing more. Shorter than the lease. */
  readonly renewDeadline: number;
  /** Between two tries. Shorter than the renew deadline. */
  readonly retryPeriod: number;
}

/** What a candidate needs. */
export interface LeaseCandidateContext {
  readonly connection: KubernetesConnection;
  readonly namespace: string;
  readonly leaseName: string;
  /** Unlike that of every other process, also of the one before in the same pod. */
  readonly identity: string;
  /** The installation, whose replicas alone are to share the lease. */
  readonly instance: string;
  readonly timing: LeaseTiming;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Another replica was notified by the registry. */
  readonly onAnnounced?: () => void;
}

/** One process that wants a lease, or has it. */
export interface LeaseCandidate {
  /** Monotonic time until which the lease is held as far as the holder may rely on it; null where it is not held. */
  readonly heldUntil: number | null;
  /** The other process whose name the lease had when it was last read; null where there was none. */
  readonly otherHolder: string | null;
  /** The other installation that acquired the lease last, when it was last read; null where it was ours, or is unknown. */
  readonly otherInstance: string | null;
  /** Takes the lease or renews it, where that is possible. Rejects for an abort of the signal alone. */
  attempt(signal: AbortSignal): Promise<void>;
  /** Passes a registry notification on to the other candidates. Never rejects. */
  announce(signal: AbortSignal): Promise<void>;
  /** Gives the lease up, so that others need not wait; where that fails it runs out by itself. Never rejects. */
  release(): Promise<void>;
}

/** What a candidate knows. */
interface Knowledge {
  stored: StoredLease | null;
  /** Monotonic time at which the record was first seen as it is. */
  seenTime: number;
  /** Monotonic time just before our latest successful write was sent; null where the lease is not ours. */
  renewedTime: number | null;
}

/**
 * A candidate by client-go's rules (tools/leaderelection): another holder's lease counts from the moment at which its
 * renewal was seen here, on our monotonic clock, so clocks need not agree; every write builds on the version that was
 * read, so of two that try one fails. Our own time counts from before a renewal was sent, so it is over here before it
 * is anywhere else, also where the answer came late or the process slept.
 */
export function createLeaseCandidate(context: LeaseCandidateContext): LeaseCandidate {
  const { connection, namespace, leaseName, timing, logger } = context;
  // Two calls, one past a version that was missed, fit into the renew deadline also where neither is answered.
  const api = createLeaseApi(connection, { namespace, leaseName, deadlineMs: timing.renewDeadline / 2 });
  const known: Knowledge = { stored: null, seenTime: Number.NEGATIVE_INFINITY, renewedTime: null };
  const heldUntil = () => (known.renewedTime === null ? null : known.renewedTime + timing.renewDeadline);
  const announcements = createAnnouncements({ ...context, api, onAnnounced: context.onAnnounced ?? (() => undefined) });
  let faults = 0;
  let lastFault = "";

  /** A fault that lasts is one warning for each reason, not one each two seconds. A bug of ours is one as well. */
  function noteFault(error: unknown): void {
    const fields = { err: error, lease: leaseName };
    const isOurs = known.stored?.record.holder === context.identity;
    const message = `cannot ${isOurs ? "renew" : "acquire"} the leader lease: retrying`;
    const fault = `${message} ${error instanceof Error ? error.message : ""}`;
    if (!(error instanceof LabImagesError)) logger.error(fields, "leader election attempt threw (bug)");
    else if (fault === lastFault) logger.debug(fields, message);
    else logger.warn(fields, message);
    faults += 1;
    lastFault = fault;
  }

  function noteSuccess(): void {
    if (faults > 0) logger.info({ lease: leaseName, faults }, "leader election works again");
    faults = 0;
    lastFault = "";
  }

  return {
    get heldUntil() {
      return heldUntil();
    },
    get otherHolder() {
      const holder = known.stored?.record.holder ?? "";
      return holder === "" || holder === context.identity ? null : holder;
    },
    get otherInstance() {
      const instance = known.stored === null ? undefined : annotationsOf(known.stored)[INSTANCE_ANNOTATION];
      return typeof instance === "string" && instance !== context.instance ? quotePeer(instance) : null;
    },
    async attempt(signal) {
      try {
        await acquireOrRenew(context, api, known, signal);
        noteSuccess();
        if (known.stored !== null) announcements.observe(known.stored);
      } catch (error) {
        signal.throwIfAborted();
        // Two that try at once is how elections go.
        const isConflict = error instanceof KubernetesAnswerError && error.status === 409;
        if (isConflict) logger.debug({ err: error, lease: leaseName }, "another write to the leader lease came first");
        else noteFault(error);
      }
    },
    announce: (signal) => announcements.announce(signal),
    async release() {
      const until = heldUntil();
      known.renewedTime = null;
      if (until === null || context.clock.monotonicTime() >= until) return;
      try {
        await releaseLease(context, api);
      } catch (error) {
        logger.warn({ err: error, lease: leaseName }, "cannot release the leader lease: it expires by itself");
      }
    },
  };
}

async function acquireOrRenew(
  context: LeaseCandidateContext,
  api: LeaseApi,
  known: Knowledge,
  signal: AbortSignal,
): Promise<void> {
  const { identity, clock, logger } = context;
  if (known.stored?.record.holder === identity) {
    try {
      return await take(context, api, known, known.stored, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof LabImagesError)) throw error;
      logger.debug({ err: error }, "cannot renew the leader lease at once: reading it again");
    }
  }
  const lease = await api.read(signal);
  if (lease !== null) note(known, lease, clock);
  // Where the lease has gone, somebody who has never seen ours may take it before us.
  if (lease?.record.holder !== identity) known.renewedTime = null;
  if (!isTaken(known, identity, clock.monotonicTime())) await take(context, api, known, lease, signal);
}

/**
 * Whether another one may still lead, as far as is known. A lease that somebody has deleted counts to its end: its holder
 * does not know yet, and may write until it wants to renew. (client-go takes such a lease at once.)
 */
function isTaken({ stored, seenTime }: Knowledge, identity: string, now: number): boolean {
  const { holder, durationSeconds } = stored?.record ?? { holder: "", durationSeconds: 0 };
  return holder !== "" && holder !== identity && now < seenTime + durationSeconds * 1_000;
}

/** Writes our record over the one that was read, or makes the lease. */
async function take(
  context: LeaseCandidateContext,
  api: LeaseApi,
  known: Knowledge,
  before: StoredLease | null,
  signal: AbortSignal,
): Promise<void> {
  const sentTime = context.clock.monotonicTime();
  const record = recordAfter(context, before?.record ?? null);
  const { instance } = context;
  const lease =
    before === null
      ? await api.create(record, { [INSTANCE_ANNOTATION]: instance }, signal)
      : await api.replace(withAnnotation(before, INSTANCE_ANNOTATION, instance), record, signal);
  note(known, lease, context.clock);
  known.renewedTime = sentTime;
}

function note(known: Knowledge, lease: StoredLease, clock: Clock): void {
  if (!isDeepStrictEqual(known.stored?.record, lease.record)) known.seenTime = clock.monotonicTime();
  known.stored = lease;
}

/** Our record after this one: a renewal, or a new reign. */
function recordAfter({ identity, timing, clock }: LeaseCandidateContext, before: LeaseRecord | null): LeaseRecord {
  const now = microTime(clock.wallTime());
  const common = { holder: identity, durationSeconds: Math.ceil(timing.leaseDuration / 1_000), renewTime: now };
  if (before === null) return { ...common, acquireTime: now, transitions: 0 };
  if (before.holder === identity)
    return { ...common, acquireTime: before.acquireTime, transitions: before.transitions };
  return { ...common, acquireTime: now, transitions: before.transitions + 1 };
}

/** As client-go does at its end: nobody holds the lease, and it is good for a second. */
async function releaseLease(
  { identity, leaseName, clock, logger }: LeaseCandidateContext,
  api: LeaseApi,
): Promise<void> {
  const { signal } = new AbortController();
  // Read anew: a renewal whose answer was not waited for may have made another version.
  const lease = await api.read(signal);
  if (lease?.record.holder !== identity) return;
  const now = microTime(clock.wallTime());
  await api.replace(
    lease,
    { ...lease.record, holder: "", durationSeconds: 1, acquireTime: now, renewTime: now },
    signal,
  );
  logger.info({ lease: leaseName }, "released leader lease");
}
