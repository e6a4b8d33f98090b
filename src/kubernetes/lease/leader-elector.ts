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

/** Times of a lease as in client-go's LeaderElectionConfig, in ms. */
export interface LeaseTiming {
  /** Others may acquire the lease after this time without a renewal that they observed. */
  readonly leaseDuration: number;
  /** The leader stops writing after this time without a renewal of its own. Shorter than the lease. */
  readonly renewDeadline: number;
  /** Between two attempts. Shorter than the renew deadline. */
  readonly retryPeriod: number;
}

/** Configuration and collaborators of a leader elector. */
export interface LeaderElectorOptions {
  readonly connection: KubernetesConnection;
  readonly namespace: string;
  readonly leaseName: string;
  /** Unlike that of every other process, also of the one before in the same pod. */
  readonly identity: string;
  /** The installation: only its replicas may share the lease. */
  readonly instance: string;
  readonly timing: LeaseTiming;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Another replica was notified by the registry. */
  readonly onAnnounced?: () => void;
}

/** One candidate for a lease, by client-go's rules. */
export interface LeaderElector {
  /** Monotonic time until which this candidate may act as the leader; null where it does not hold the lease. */
  readonly heldUntil: number | null;
  /** The other candidate that the lease named when it was last observed; null where there was none. */
  readonly otherHolder: string | null;
  /** The other installation that acquired the observed lease; null where it was ours, or is unknown. */
  readonly otherInstance: string | null;
  /** Acquires or renews the lease where that is possible. Rejects only with the signal's reason. */
  tryAcquireOrRenew(signal: AbortSignal): Promise<void>;
  /** Announces a registry notification to the other candidates. Never rejects. */
  announce(signal: AbortSignal): Promise<void>;
  /** Releases the lease, so that others need not wait; where that fails it expires by itself. Never rejects. */
  release(): Promise<void>;
}

/** What a candidate has observed. */
interface Observed {
  lease: StoredLease | null;
  /** Monotonic time at which the current record was first observed. */
  time: number;
  /** Monotonic time just before our latest successful write was sent; null where the lease is not ours. */
  renewedTime: number | null;
}

/**
 * Creates a candidate by client-go's rules (tools/leaderelection): another holder's lease counts from the moment at which
 * its renewal was observed here, on our monotonic clock, so clocks need not agree; every write names the resource version
 * that was read, so one of two concurrent writes fails. Our own lease counts from before a renewal was sent, so it ends here
 * before it ends anywhere else, also where the response was late or the process was suspended.
 */
export function createLeaderElector(context: LeaderElectorOptions): LeaderElector {
  const { connection, namespace, leaseName, timing, logger } = context;
  // Two calls, one past a version that was missed, fit into the renew deadline also where both time out.
  const api = createLeaseApi(connection, { namespace, leaseName, deadlineMs: timing.renewDeadline / 2 });
  const observed: Observed = { lease: null, time: Number.NEGATIVE_INFINITY, renewedTime: null };
  const heldUntil = () => (observed.renewedTime === null ? null : observed.renewedTime + timing.renewDeadline);
  const announcements = createAnnouncements({ ...context, api, onAnnounced: context.onAnnounced ?? (() => undefined) });
  let faults = 0;
  let lastFault = "";

  /** A fault that lasts is one warning for each reason, not one every two seconds. */
  function logFault(error: unknown): void {
    const fields = { err: error, lease: leaseName };
    const isOurs = observed.lease?.record.holder === context.identity;
    const message = `cannot ${isOurs ? "renew" : "acquire"} the leader lease: retrying`;
    const fault = `${message} ${error instanceof Error ? error.message : ""}`;
    if (!(error instanceof LabImagesError)) logger.error(fields, "leader election attempt threw (bug)");
    else if (fault === lastFault) logger.debug(fields, message);
    else logger.warn(fields, message);
    faults += 1;
    lastFault = fault;
  }

  function logSuccess(): void {
    if (faults > 0) logger.info({ lease: leaseName, faults }, "leader election works again");
    faults = 0;
    lastFault = "";
  }

  return {
    get heldUntil() {
      return heldUntil();
    },
    get otherHolder() {
      const holder = observed.lease?.record.holder ?? "";
      return holder === "" || holder === context.identity ? null : holder;
    },
    get otherInstance() {
      const instance = observed.lease === null ? undefined : annotationsOf(observed.lease)[INSTANCE_ANNOTATION];
      return typeof instance === "string" && instance !== context.instance ? quotePeer(instance) : null;
    },
    async tryAcquireOrRenew(signal) {
      try {
        await acquireOrRenew(context, api, observed, signal);
        logSuccess();
        if (observed.lease !== null) announcements.observe(observed.lease);
      } catch (error) {
        signal.throwIfAborted();
        // Another candidate wrote between our read and our write.
        const isConflict = error instanceof KubernetesAnswerError && error.status === 409;
        if (isConflict) logger.debug({ err: error, lease: leaseName }, "another write to the leader lease came first");
        else logFault(error);
      }
    },
    announce: (signal) => announcements.announce(signal),
    async release() {
      const until = heldUntil();
      observed.renewedTime = null;
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
  context: LeaderElectorOptions,
  api: LeaseApi,
  observed: Observed,
  signal: AbortSignal,
): Promise<void> {
  const { identity, clock, logger } = context;
  if (observed.lease?.record.holder === identity) {
    try {
      return await writeRecord(context, api, observed, observed.lease, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof LabImagesError)) throw error;
      logger.debug({ err: error }, "cannot renew the leader lease at once: reading it again");
    }
  }
  const lease = await api.read(signal);
  if (lease !== null) observe(observed, lease, clock);
  // Where the lease was deleted, a candidate that has never observed ours may acquire it before us.
  if (lease?.record.holder !== identity) observed.renewedTime = null;
  if (!isHeldByOther(observed, identity, clock.monotonicTime()))
    await writeRecord(context, api, observed, lease, signal);
}

/**
 * Whether another candidate may still lead, as far as was observed. A lease that was deleted counts until it expires: its
 * holder does not know yet, and may write until it has to renew. (client-go acquires such a lease at once.)
 */
function isHeldByOther({ lease, time }: Observed, identity: string, now: number): boolean {
  const { holder, durationSeconds } = lease?.record ?? { holder: "", durationSeconds: 0 };
  return holder !== "" && holder !== identity && now < time + durationSeconds * 1_000;
}

/** Acquires or renews: replaces the lease that was read with our record, or creates it. */
async function writeRecord(
  context: LeaderElectorOptions,
  api: LeaseApi,
  observed: Observed,
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
  observe(observed, lease, context.clock);
  observed.renewedTime = sentTime;
}

function observe(observed: Observed, lease: StoredLease, clock: Clock): void {
  if (!isDeepStrictEqual(observed.lease?.record, lease.record)) observed.time = clock.monotonicTime();
  observed.lease = lease;
}

/** Our record after this one: a renewal, or the begin of a term. */
function recordAfter({ identity, timing, clock }: LeaderElectorOptions, before: LeaseRecord | null): LeaseRecord {
  const now = microTime(clock.wallTime());
  const common = { holder: identity, durationSeconds: Math.ceil(timing.leaseDuration / 1_000), renewTime: now };
  if (before === null) return { ...common, acquireTime: now, transitions: 0 };
  if (before.holder === identity)
    return { ...common, acquireTime: before.acquireTime, transitions: before.transitions };
  return { ...common, acquireTime: now, transitions: before.transitions + 1 };
}

/** As client-go's release: no holder, and a duration of one second. */
async function releaseLease(
  { identity, leaseName, clock, logger }: LeaderElectorOptions,
  api: LeaseApi,
): Promise<void> {
  const { signal } = new AbortController();
  // Read again: a renewal whose response was not awaited may have created another version.
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
