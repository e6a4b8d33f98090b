import { pause } from "../../lib/abort.ts";
import { quotePeer } from "../../lib/redact.ts";
import type { Leadership } from "../../ports.ts";
import { createLeaderElector, type LeaderElector, type LeaderElectorOptions } from "./leader-elector.ts";

/** Configuration and collaborators of an elected leadership. */
export interface LeadershipOptions extends LeaderElectorOptions {
  /** Evenly distributed from 0 to under 1; for jitter. */
  readonly random: () => number;
}

/** A leadership that releases its lease at the end. */
export interface ElectedLeadership extends Leadership {
  /** Announces a registry notification to the other replicas: the leader observes it within two seconds. */
  announce(): void;
  /**
   * Resolves when the lease was released after an abort, as far as that was possible. A follower that comes before that
   * stands by until then, and its term can begin afterwards.
   */
  ended(): Promise<void>;
}

/** client-go's JitterFactor: replicas do not try to acquire the lease at the same time. */
const JITTER_FACTOR = 1.2;

/** The leader's pause between renewals, as a part of the retry period: it observes an announcement in less than that. */
const RENEW_FACTOR = 0.75;

/** The leadership of the only replica there is: it always leads. */
export const soleLeadership: Leadership = {
  follow(onChange, signal) {
    if (!signal.aborted) onChange(true);
  },
  mayWrite: () => true,
};

/** One follower of the leadership, from its call to the release of the lease. */
interface Term {
  readonly signal: AbortSignal;
  readonly onChange: (leading: boolean) => void;
  readonly onShared: (instance: string | null) => void;
  /** The lease of the term before it was released. */
  begun: boolean;
  isLeader: boolean;
  /** The other holder that was logged last. */
  standbyFor: string | null;
  /** The other installation that was reported last. */
  sharedWith: string | null;
}

/**
 * Leadership by a Lease of `coordination.k8s.io` with client-go's semantics and defaults. Unlike there, a replica that
 * has lost the lease stays in the process and tries to get it again. Needs: leases create, get, update.
 */
export function createLeadership(options: LeadershipOptions): ElectedLeadership {
  const { clock, logger, leaseName, identity, timing } = options;
  const elector = createLeaderElector(options);
  let term: Term | null = null;
  let end: Promise<void> = Promise.resolve();

  const isLeader = () => term?.begun === true && !term.signal.aborted && holdsLease(elector, clock.monotonicTime());

  /**
   * A caller that is refused is notified of the loss at once, also where the lease is acquired again before anybody else
   * looks: what was refused is lost, and is started again only with the next acquisition.
   */
  function mayWrite(): boolean {
    const may = isLeader();
    const current = term;
    if (!may && current?.isLeader === true) {
      const why = whyLost();
      queueMicrotask(() => setLeader(current, false, why));
    }
    return may;
  }

  /** Notifies the follower of what has changed. */
  function update(current: Term): void {
    setLeader(current, isLeader(), whyLost());
    if (!current.isLeader) logStandby(current);
    const { otherInstance } = elector;
    if (current.signal.aborted || otherInstance === current.sharedWith) return;
    current.sharedWith = otherInstance;
    current.onShared(otherInstance);
  }

  /** As observed: another holder, or no renewal of ours in time. */
  function whyLost(): string {
    const { otherHolder, heldUntil } = elector;
    if (otherHolder !== null) return `${quotePeer(otherHolder)} holds it`;
    return heldUntil === null ? "it no longer names this replica" : `not renewed for ${timing.renewDeadline / 1_000} s`;
  }

  function logStandby(current: Term): void {
    const { otherHolder: holder } = elector;
    if (current.signal.aborted || holder === null || holder === current.standbyFor) return;
    current.standbyFor = holder;
    logger.info({ lease: leaseName }, `standby: ${quotePeer(holder)} holds the lease`);
  }

  function setLeader(current: Term, leading: boolean, whyLost: string): void {
    if (current.signal.aborted || leading === current.isLeader) return;
    current.isLeader = leading;
    current.standbyFor = null;
    const fields = { lease: leaseName, identity };
    if (leading) logger.info(fields, "acquired leader lease");
    else logger.warn(fields, `lost leader lease: ${whyLost}`);
    try {
      current.onChange(leading);
    } catch (error) {
      // Its bug must not end the election, in which this replica observes that it may no longer write.
      logger.error({ err: error }, "leadership listener threw (bug)");
    }
  }

  async function run(current: Term): Promise<void> {
    current.begun = true;
    try {
      await runElection(options, elector, () => update(current), current.signal);
    } finally {
      await elector.release();
      if (term === current) term = null;
    }
  }

  return {
    mayWrite,
    ended: () => end,
    announce() {
      if (term !== null && !term.signal.aborted) void elector.announce(term.signal);
    },
    follow(onChange, signal, onShared = () => undefined) {
      if (term !== null && !term.signal.aborted) throw new Error("the leadership is followed already");
      if (signal.aborted) return;
      const next = { signal, onChange, onShared, begun: false, isLeader: false, standbyFor: null, sharedWith: null };
      term = next;
      onChange(false);
      const before = end;
      end = before
        .then(() => run(next))
        .catch((error: unknown) => {
          if (!signal.aborted) logger.error({ err: error }, "leader election ended (bug)");
        });
    },
  };
}

/** Acquires the lease and renews it until the signal aborts; calls `update` when something may have changed. */
async function runElection(
  { clock, random, timing }: LeadershipOptions,
  elector: LeaderElector,
  update: () => void,
  signal: AbortSignal,
): Promise<void> {
  let cancelExpiry = (): void => undefined;
  try {
    while (!signal.aborted) {
      // A process that was suspended beyond its lease reports the loss before it can report the next acquisition.
      update();
      await elector.tryAcquireOrRenew(signal);
      update();
      cancelExpiry();
      const now = clock.monotonicTime();
      const leading = holdsLease(elector, now);
      if (leading) cancelExpiry = clock.schedule((elector.heldUntil ?? now) - now, update);
      await pause(clock, timing.retryPeriod * (leading ? RENEW_FACTOR : 1 + JITTER_FACTOR * random()), signal);
    }
  } finally {
    cancelExpiry();
  }
}

function holdsLease({ heldUntil }: LeaderElector, now: number): boolean {
  return heldUntil !== null && now < heldUntil;
}
