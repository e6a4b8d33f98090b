import type { PullFailureClass } from "./failure-table.ts";
import type {
  PolicyReview,
  PolicySettings,
  PullCandidate,
  PullEnd,
  PullKey,
  PullPolicy,
  PullRetry,
  PullStart,
} from "./policy.ts";
import { type PullBackoff, pullBackoff } from "./prepull-backoff.ts";
import { choosePulls } from "./pull-order.ts";
import { likelyRate, type PullRates, withRate } from "./pull-rates.ts";
import {
  isOfRegistry,
  isOwnFault,
  NO_SUSPECTS,
  type Suspects,
  suspectsAfterFailure,
  suspectsAfterSuccess,
} from "./registry-suspects.ts";
import { initialLimit, limitAfterFailure, limitAfterSuccess, limitCounting, type SlotLimit } from "./slot-limit.ts";

/** What stands for the size of an image of which none is known. */
const NOMINAL_SIZE_BYTES = 4e9;
/** A pull is overdue when it takes this multiple of what is expected, and at least the minimum. */
const OVERDUE_FACTOR = 1.5;
const MIN_OVERDUE_MS = 20_000;
/** Pulls that must have succeeded though they started no earlier: else everything is slow, and nothing is overdue. */
const MIN_OVERTAKINGS = 3;
/** Milliseconds between two looks for overdue pulls. */
const REVIEW_INTERVAL_MS = 5_000;
/** A pull may outlast its time-out until it has taken this multiple of what is expected... */
const GIVE_UP_FACTOR = 4;
/** ...which is looked at again after this part of the time-out, and at most this number of timeouts. */
const LOOK_AGAIN_PART = 0.25;
const MAX_TIMEOUTS = 6;
/** A node that is still there has been tried again by then; one that has left must not be remembered. */
const SLOW_NODE_FORGOTTEN_AFTER_MS = 2 * 3_600_000;
/** Waits after failures of the registry. */
const REGISTRY_BACKOFF: PullBackoff = { first: 20_000, longest: 60_000 };

/** A pull in progress. */
interface Pull extends PullKey {
  readonly sizeBytes: number;
  readonly startedAt: number;
  readonly isLent: boolean;
  /** Whether the node's queue has it, but nobody waits for it. */
  readonly isGivenUp: boolean;
  /** When it is looked at for its time-out. */
  readonly lookAt: number;
  /** Pulls that have succeeded though they started no earlier. */
  readonly overtakings: number;
}

type SlowNodes = ReadonlyMap<string, number>;

interface PolicyState {
  readonly pulls: ReadonlyMap<string, Pull>;
  readonly limit: SlotLimit;
  readonly rates: PullRates;
  /** Turns given so far. */
  readonly granted: number;
  /** Whether the recommended image is being started beyond the limit: until it has all slots, or a pull ends. */
  readonly isWaveOpen: boolean;
  /** When a pull took too long on a node, by uid, where none has succeeded since. */
  readonly slowNodes: SlowNodes;
  readonly suspects: Suspects;
}

/** The policy of docs/spec/prepuller.md, before anything has happened. */
export function createPolicy(settings: PolicySettings): PullPolicy {
  const { maxConcurrentPulls: max, isAdaptive } = settings;
  return policyOf(settings, {
    pulls: new Map(),
    limit: initialLimit({ max, isAdaptive }),
    rates: [],
    granted: 0,
    isWaveOpen: false,
    slowNodes: new Map(),
    suspects: NO_SUSPECTS,
  });
}

function policyOf(settings: PolicySettings, state: PolicyState): PullPolicy {
  const { pulls, limit, rates, granted, isWaveOpen, slowNodes, suspects } = state;
  const lent = [...pulls.values()].filter(({ isLent }) => isLent).length;
  const slotsInUse = pulls.size - lent;
  const after = (change: Partial<PolicyState>) => policyOf(settings, { ...state, ...change });
  const rate = likelyRate(rates);

  return {
    limit: () => limit.value,
    slotsInUse,
    lentPulls: lent,
    next(candidates, most) {
      const all = [...candidates];
      const lentStarts = lentStartsOf(all, slowNodes, Math.min(most, limit.value - lent));
      const taken = new Set(lentStarts);
      const turns: PullCandidate[] = [];
      const take = (from: readonly PullCandidate[], slots: number): void => {
        const free = Math.min(most - taken.size, slots - slotsInUse - turns.length);
        if (free <= 0) return;
        const left = from.filter((candidate) => !taken.has(candidate));
        for (const candidate of choosePulls(left, free, granted + turns.length)) {
          taken.add(candidate);
          turns.push(candidate);
        }
      };
      take(all, limit.value);
      if (isWaveOpen || slotsInUse + turns.length <= limit.value) {
        take(all.filter(mayExceedLimit), Math.floor(limit.ceiling));
      }
      return [
        ...lentStarts.map((candidate) => ({ candidate, isLent: true })),
        ...turns.map((candidate) => ({ candidate, isLent: false })),
      ];
    },
    started(start, now) {
      const next = new Map(pulls).set(keyOf(start.candidate), newPull(start, settings, now));
      if (start.isLent) return after(withPulls(state, next, now));
      const isBeyond = slotsInUse >= limit.value;
      return after({ ...withPulls(state, next, now), granted: granted + 1, isWaveOpen: isWaveOpen || isBeyond });
    },
    givenUp(key, now) {
      const pull = pulls.get(keyOf(key));
      if (pull === undefined) return this;
      // One that was withdrawn goes on as fast as before, so it keeps its slot.
      const isSlow = now - pull.startedAt >= settings.pullTimeout;
      const isLent = pull.isLent || (isSlow && lent < limit.value);
      const next = new Map(pulls).set(keyOf(key), { ...pull, isLent, isGivenUp: true });
      return after({
        ...withPulls(state, next, now),
        slowNodes: isSlow ? withSlowNode(slowNodes, key.uid, now) : slowNodes,
      });
    },
    ended(key, end, now) {
      const pull = pulls.get(keyOf(key));
      if (pull === undefined) return this;
      return after({ ...afterEnd(state, pull, end, now), isWaveOpen: false });
    },
    review: (now) => reviewed(settings, state, now),
    retry({ uid }, failureClass, failures, random): PullRetry {
      const isRegistry = isOfRegistry(failureClass) && !isOwnFault(suspects, uid);
      const backoff = isRegistry ? REGISTRY_BACKOFF : settings.backoff;
      return { waitMs: pullBackoff(backoff, failures, random), isRetry: !isRegistry };
    },
    expectedMs: (sizeBytes) => (rate === null ? null : Math.round((sizeBytes ?? NOMINAL_SIZE_BYTES) / rate)),
  };
}

/** Nodes on which a pull took too long: the next one waits behind it in the node's queue, and must not hold a slot there. */
function lentStartsOf(
  candidates: readonly PullCandidate[],
  slowNodes: SlowNodes,
  most: number,
): readonly PullCandidate[] {
  if (slowNodes.size === 0 || most <= 0) return [];
  return candidates.filter(({ uid }) => slowNodes.has(uid)).slice(0, most);
}

/**
 * The recommended image goes to all nodes before anything else does, and is everywhere no later when many pull it at once. So
 * it comes in waves: whenever no more than the limit are in progress, it may have every slot that there can be. Those of
 * a wave end together, and none is left behind to share the bandwidth with what comes after.
 */
function mayExceedLimit({ isFirst, isRetry }: PullCandidate): boolean {
  return isFirst && !isRetry;
}

function newPull({ candidate, isLent }: PullStart, { pullTimeout }: PolicySettings, now: number): Pull {
  const { uid, digest, sizeBytes } = candidate;
  return {
    uid,
    digest,
    sizeBytes: sizeBytes ?? NOMINAL_SIZE_BYTES,
    startedAt: now,
    isLent,
    isGivenUp: false,
    lookAt: now + pullTimeout,
    overtakings: 0,
  };
}

function withPulls(state: PolicyState, pulls: ReadonlyMap<string, Pull>, now: number): PolicyState {
  let count = 0;
  for (const { isLent } of pulls.values()) count += isLent ? 0 : 1;
  return { ...state, pulls, limit: limitCounting(state.limit, count, now) };
}

function afterEnd(state: PolicyState, pull: Pull, end: PullEnd, now: number): PolicyState {
  const { limit, rates, slowNodes, suspects } = state;
  const next = new Map(state.pulls);
  next.delete(keyOf(pull));
  if (end.kind === "succeeded") {
    for (const [key, other] of next) {
      if (other.startedAt <= pull.startedAt) next.set(key, { ...other, overtakings: other.overtakings + 1 });
    }
    const durationMs = now - pull.startedAt;
    const { digest, sizeBytes, isLent, isGivenUp } = pull;
    return withPulls(
      {
        ...state,
        rates: isGivenUp ? rates : withRate(rates, sizeBytes, durationMs),
        limit: isLent ? limit : limitAfterSuccess(limit, { digest, sizeBytes, durationMs }, now),
        slowNodes: withoutSlowNode(slowNodes, pull.uid),
        suspects: suspectsAfterSuccess(suspects, pull.uid),
      },
      next,
      now,
    );
  }
  const change = end.kind === "failed" ? afterFailure(state, pull, end.failureClass, now) : {};
  return withPulls({ ...state, ...change }, next, now);
}

function afterFailure(
  { limit, slowNodes, suspects }: PolicyState,
  { uid, isLent }: Pull,
  failureClass: PullFailureClass,
  now: number,
): Partial<PolicyState> {
  if (failureClass === "timeout") return { slowNodes: withSlowNode(slowNodes, uid, now) };
  if (!isOfRegistry(failureClass)) return {};
  const next = suspectsAfterFailure(suspects, uid, now);
  // One that hung and has failed at last says nothing of how much the registry has to do now.
  const isNews = !isLent && !isOwnFault(next, uid);
  return { suspects: next, limit: isNews ? limitAfterFailure(limit, now) : limit };
}

function reviewed(settings: PolicySettings, state: PolicyState, now: number): PolicyReview {
  const { pulls, limit } = state;
  const rate = likelyRate(state.rates);
  const overdue: PullKey[] = [];
  const next = new Map(pulls);
  let lent = [...pulls.values()].filter(({ isLent }) => isLent).length;
  let mayBecomeOverdue = false;
  let nextAt = Number.POSITIVE_INFINITY;
  for (const [key, pull] of pulls) {
    const isLent = pull.isLent || (lent < limit.value && mayLend(settings, pull, rate, now));
    if (isLent && !pull.isLent) lent += 1;
    mayBecomeOverdue ||= !isLent;
    let { lookAt } = pull;
    if (!pull.isGivenUp && now >= lookAt) {
      if (isToGiveUp(settings, pull, rate, now)) overdue.push({ uid: pull.uid, digest: pull.digest });
      else lookAt = now + LOOK_AGAIN_PART * settings.pullTimeout;
    }
    if (!pull.isGivenUp && lookAt > now) nextAt = Math.min(nextAt, lookAt);
    if (isLent !== pull.isLent || lookAt !== pull.lookAt) next.set(key, { ...pull, isLent, lookAt });
  }
  if (mayBecomeOverdue && rate !== null) nextAt = Math.min(nextAt, now + REVIEW_INTERVAL_MS);
  return {
    policy: policyOf(settings, withPulls(state, next, now)),
    overdue,
    nextAt: nextAt === Number.POSITIVE_INFINITY ? null : nextAt,
  };
}

function mayLend({ pullTimeout }: PolicySettings, pull: Pull, rate: number | null, now: number): boolean {
  const ageMs = now - pull.startedAt;
  if (pull.isGivenUp && ageMs >= pullTimeout) return true;
  if (rate === null || pull.overtakings < MIN_OVERTAKINGS) return false;
  return ageMs > Math.max(MIN_OVERDUE_MS, (OVERDUE_FACTOR * pull.sizeBytes) / rate);
}

function isToGiveUp({ pullTimeout }: PolicySettings, pull: Pull, rate: number | null, now: number): boolean {
  const ageMs = now - pull.startedAt;
  if (ageMs >= MAX_TIMEOUTS * pullTimeout) return true;
  return ageMs >= pullTimeout && (rate === null || ageMs > (GIVE_UP_FACTOR * pull.sizeBytes) / rate);
}

function withSlowNode(slowNodes: SlowNodes, uid: string, now: number): SlowNodes {
  const known = [...slowNodes].filter(([, at]) => now - at < SLOW_NODE_FORGOTTEN_AFTER_MS);
  return new Map(known).set(uid, now);
}

function withoutSlowNode(slowNodes: SlowNodes, uid: string): SlowNodes {
  return slowNodes.has(uid) ? new Map([...slowNodes].filter(([other]) => other !== uid)) : slowNodes;
}

function keyOf({ uid, digest }: PullKey): string {
  return `${uid} ${digest}`;
}
