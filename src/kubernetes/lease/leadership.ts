import { pause } from "../../lib/abort.ts";
import { quotePeer } from "../../lib/redact.ts";
import type { Leadership } from "../../ports.ts";
import { createLeaseCandidate, type LeaseCandidate, type LeaseCandidateContext } from "./lease-candidate.ts";

/** What an elected leadership needs. */
export interface LeadershipOptions extends LeaseCandidateContext {
  /** Evenly distributed from 0 to under 1; for jitter. */
  readonly random: () => number;
}

/** A leadership that ends in an orderly way. */
export interface ElectedLeadership extends Leadership {
  /** Passes a registry notification on to the other replicas: the leader learns of it within two seconds. */
  announce(): void;
  /**
   * Resolves when the lease has been given up after an abort, as far as that was possible. Who follows before that is
   * told that this replica does not lead, and the election goes on for him after it.
   */
  ended(): Promise<void>;
}

/** client-go's JitterFactor of tries to take the lease: so replicas do not come at the same time. */
const JITTER = 1.2;

/** The leader's pause between renewals, as a part of the retry period: so it sees an announcement in less than that. */
const LEADER_PAUSE = 0.75;

/** The leadership of the only replica there is: it always leads. */
export const soleLeadership: Leadership = {
  follow(onChange, signal) {
    if (!signal.aborted) onChange(true);
  },
  mayWrite: () => true,
};

interface Reign {
  readonly signal: AbortSignal;
  readonly onChange: (leading: boolean) => void;
  readonly onShared: (instance: string | null) => void;
  /** The reign before it has given up the lease. */
  begun: boolean;
  leading: boolean;
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
  const candidate = createLeaseCandidate(options);
  let reign: Reign | null = null;
  let end: Promise<void> = Promise.resolve();

  const isHeld = () => reign?.begun === true && !reign.signal.aborted && holds(candidate, clock.monotonicTime());

  /**
   * Who is refused learns at once that the lease is lost, also where it is won back before anybody else looks: what was
   * refused has been given up, and only a new reign takes it up again.
   */
  function mayWrite(): boolean {
    const may = isHeld();
    const current = reign;
    if (!may && current?.leading === true) {
      const why = whyLost();
      queueMicrotask(() => tell(current, false, why));
    }
    return may;
  }

  /** Reports what has changed, if anything has. */
  function update(current: Reign): void {
    tell(current, isHeld(), whyLost());
    if (!current.leading) logStandby(current);
    const { otherInstance } = candidate;
    if (current.signal.aborted || otherInstance === current.sharedWith) return;
    current.sharedWith = otherInstance;
    current.onShared(otherInstance);
  }

  /** What was observed: another name in the lease, or no renewal of ours in time. */
  function whyLost(): string {
    const { otherHolder, heldUntil } = candidate;
    if (otherHolder !== null) return `${quotePeer(otherHolder)} holds it`;
    return heldUntil === null ? "it no longer names this replica" : `not renewed for ${timing.renewDeadline / 1_000} s`;
  }

  function logStandby(current: Reign): void {
    const { otherHolder: holder } = candidate;
    if (current.signal.aborted || holder === null || holder === current.standbyFor) return;
    current.standbyFor = holder;
    logger.info({ lease: leaseName }, `standby: ${quotePeer(holder)} holds the lease`);
  }

  function tell(current: Reign, leading: boolean, whyLost: string): void {
    if (current.signal.aborted || leading === current.leading) return;
    current.leading = leading;
    current.standbyFor = null;
    const fields = { lease: leaseName, identity };
    if (leading) logger.info(fields, "acquired leader lease");
    else logger.warn(fields, `lost leader lease: ${whyLost}`);
    try {
      current.onChange(leading);
    } catch (error) {
      // Its bug must not end the election, by which this replica learns that it may no longer write.
      logger.error({ err: error }, "leadership listener threw (bug)");
    }
  }

  async function run(current: Reign): Promise<void> {
    current.begun = true;
    try {
      await campaign(options, candidate, () => update(current), current.signal);
    } finally {
      await candidate.release();
      if (reign === current) reign = null;
    }
  }

  return {
    mayWrite,
    ended: () => end,
    announce() {
      if (reign !== null && !reign.signal.aborted) void candidate.announce(reign.signal);
    },
    follow(onChange, signal, onShared = () => undefined) {
      if (reign !== null && !reign.signal.aborted) throw new Error("the leadership is followed already");
      if (signal.aborted) return;
      const next = { signal, onChange, onShared, begun: false, leading: false, standbyFor: null, sharedWith: null };
      reign = next;
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

/** Tries for the lease, and then to keep it, until the signal aborts; calls `update` when something may have changed. */
async function campaign(
  { clock, random, timing }: LeadershipOptions,
  candidate: LeaseCandidate,
  update: () => void,
  signal: AbortSignal,
): Promise<void> {
  let cancelExpiry = (): void => undefined;
  try {
    while (!signal.aborted) {
      // A process that has slept through its lease is told of the loss before it can be told that it leads again.
      update();
      await candidate.attempt(signal);
      update();
      cancelExpiry();
      const now = clock.monotonicTime();
      const leading = holds(candidate, now);
      if (leading) cancelExpiry = clock.schedule((candidate.heldUntil ?? now) - now, update);
      await pause(clock, timing.retryPeriod * (leading ? LEADER_PAUSE : 1 + JITTER * random()), signal);
    }
  } finally {
    cancelExpiry();
  }
}

function holds({ heldUntil }: LeaseCandidate, now: number): boolean {
  return heldUntil !== null && now < heldUntil;
}
