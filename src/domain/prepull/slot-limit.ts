import {
  createEpoch,
  type Epoch,
  epochCounting,
  epochWith,
  growthOf,
  type MeasuredPull,
  measured,
  type Throughput,
} from "./throughput.ts";

/** What the limit may be. */
export interface SlotLimitOptions {
  /** The upper bound: `prepuller.maxConcurrentPulls`. */
  readonly max: number;
  /** Whether the limit follows what is observed; else it stays at `max`. */
  readonly isAdaptive: boolean;
}

/** How many pulls may have a slot now, and what that follows from. Times are monotonic milliseconds. */
export interface SlotLimit extends SlotLimitOptions {
  /** At least 1, at most `max`. */
  readonly value: number;
  readonly phase: "doubling" | "steady" | "trial";
  /** How many slots the throughput was seen to need. */
  readonly proven: number;
  /** The throughput to compare with. */
  readonly usual: Throughput | null;
  readonly epoch: Epoch;
  /** What failures of the registry have left of `max`, and since when that is so. The recommended image may have all of it. */
  readonly ceiling: number;
  readonly ceilingAt: number;
  readonly nextTrialAt: number;
  /** When the registry failed, where no pull has succeeded since. */
  readonly failedAt: number;
  /** When the limit fell. */
  readonly fellAt: number;
}

const INITIAL_LIMIT = 20;
const MIN_LIMIT = 4;
/** Of the limit: successes in an epoch. */
const EPOCH_PART = 0.75;
/** Of the limit: an epoch says nothing of it where fewer slots were in use on average, or more for the recommended image. */
const MIN_USE = 0.75;
const MAX_USE = 1.1;
const MIN_EPOCH_SUCCESSES = 5;
/** The throughput must grow by so much for twice the slots, or half as many more in a trial. */
const DOUBLING_GAIN = 1.3;
const TRIAL_GAIN = 1.2;
const TRIAL_FACTOR = 1.5;
const TRIAL_INTERVAL_MS = 15 * 60_000;
/** Slots beyond those that were proven to raise the throughput: they cover the gaps between pulls. */
const HEADROOM = 1.2;
/** What failures of the registry leave of the limit and of its ceiling. */
const LIMIT_AFTER_FAILURE = 0.75;
const CEILING_AFTER_FAILURE = 0.9;
const MIN_FALL_INTERVAL_MS = 10_000;
/** A success that comes so soon after a failure shows that the registry is up and has too much to do. */
const OVERLOAD_WINDOW_MS = 60_000;
const CEILING_GROWTH = 1.25;
const CEILING_INTERVAL_MS = 5 * 60_000;

/** The limit before anything is known. */
export function initialLimit(options: SlotLimitOptions): SlotLimit {
  const value = options.isAdaptive ? Math.min(INITIAL_LIMIT, options.max) : options.max;
  return {
    ...options,
    value,
    phase: "doubling",
    proven: value,
    usual: null,
    epoch: createEpoch(),
    ceiling: options.max,
    ceilingAt: 0,
    nextTrialAt: 0,
    failedAt: Number.NEGATIVE_INFINITY,
    fellAt: Number.NEGATIVE_INFINITY,
  };
}

/** The limit after the number of pulls that have a slot has changed. */
export function limitCounting(limit: SlotLimit, count: number, now: number): SlotLimit {
  return { ...limit, epoch: epochCounting(limit.epoch, count, now) };
}

/** The limit after the registry has refused a pull, has failed or was not reached. */
export function limitAfterFailure(limit: SlotLimit, now: number): SlotLimit {
  return { ...limit, failedAt: now };
}

/**
 * The limit after a pull that had a slot has succeeded (docs/spec/prepuller.md). It doubles while the throughput grows with
 * it, and then stays a little above what was proven; now and then more is tried. Only failures of the registry lower it,
 * and in an outage it stays: a failure counts once a pull has succeeded after it.
 */
export function limitAfterSuccess(before: SlotLimit, pull: MeasuredPull, now: number): SlotLimit {
  if (!before.isAdaptive) return before;
  const limit = withCeilingGrown(before, now);
  const isOverloaded = now - limit.failedAt <= OVERLOAD_WINDOW_MS && now - limit.fellAt >= MIN_FALL_INTERVAL_MS;
  if (isOverloaded) return fallen(limit, now);
  const epoch = epochWith(limit.epoch, pull, now);
  if (epoch.successes < Math.max(MIN_EPOCH_SUCCESSES, EPOCH_PART * limit.value)) return { ...limit, epoch };
  const [throughput, next] = measured(epoch, now);
  const after = { ...limit, epoch: next };
  const use = throughput.count / limit.value;
  return use < MIN_USE || use > MAX_USE ? after : concluded(after, throughput, now);
}

function concluded(limit: SlotLimit, throughput: Throughput, now: number): SlotLimit {
  const { phase, usual, value } = limit;
  if (phase === "steady") {
    const steady = { ...limit, usual: throughput, value: steadyValue(limit) };
    if (now < limit.nextTrialAt) return steady;
    return { ...steady, phase: "trial", value: within(limit, TRIAL_FACTOR * steady.value) };
  }
  if (usual === null) return doubled({ ...limit, usual: throughput }, now);
  const growth = growthOf(usual, throughput);
  if (phase === "trial") return settled(growth < TRIAL_GAIN ? limit : { ...limit, proven: value }, now);
  if (growth < DOUBLING_GAIN) return settled({ ...limit, proven: usual.count * Math.max(1, growth) }, now);
  return doubled({ ...limit, proven: value, usual: throughput }, now);
}

function doubled(limit: SlotLimit, now: number): SlotLimit {
  const value = within(limit, 2 * limit.value);
  return value > limit.value ? { ...limit, value } : settled({ ...limit, proven: limit.value }, now);
}

function settled(limit: SlotLimit, now: number): SlotLimit {
  return { ...limit, phase: "steady", value: steadyValue(limit), nextTrialAt: now + TRIAL_INTERVAL_MS };
}

function fallen(limit: SlotLimit, now: number): SlotLimit {
  const inUse = Math.max(limit.value, limit.epoch.count);
  const ceiling = Math.max(floorOf(limit), CEILING_AFTER_FAILURE * Math.min(limit.ceiling, inUse));
  return {
    ...limit,
    phase: "steady",
    value: within({ ...limit, ceiling }, LIMIT_AFTER_FAILURE * limit.value),
    ceiling,
    ceilingAt: now,
    epoch: measured(limit.epoch, now)[1],
    nextTrialAt: now + TRIAL_INTERVAL_MS,
    failedAt: Number.NEGATIVE_INFINITY,
    fellAt: now,
  };
}

function withCeilingGrown(limit: SlotLimit, now: number): SlotLimit {
  const periods = Math.floor((now - limit.ceilingAt) / CEILING_INTERVAL_MS);
  if (periods <= 0) return limit;
  const ceiling = Math.min(limit.max, limit.ceiling * CEILING_GROWTH ** periods);
  return { ...limit, ceiling, ceilingAt: limit.ceilingAt + periods * CEILING_INTERVAL_MS };
}

/** After a fall it takes an epoch to double, at most up to what was proven. */
function steadyValue(limit: SlotLimit): number {
  return within(limit, Math.min(HEADROOM * limit.proven, 2 * limit.value));
}

function within(limit: SlotLimit, wanted: number): number {
  return Math.max(floorOf(limit), Math.min(Math.round(wanted), Math.floor(limit.ceiling)));
}

function floorOf({ max }: SlotLimitOptions): number {
  return Math.min(MIN_LIMIT, max);
}
