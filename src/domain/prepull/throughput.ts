/** A pull that had a slot and has succeeded. */
export interface MeasuredPull {
  readonly digest: string;
  readonly sizeBytes: number;
  readonly durationMs: number;
}

interface RateSum {
  /** Bytes a millisecond, over `pulls`. */
  readonly sum: number;
  readonly pulls: number;
}

/** How much came in during an epoch. */
export interface Throughput {
  /** Mean number of slots in use. */
  readonly count: number;
  /** By digest: the stated size of an image may be wrong, but is the same in each epoch. */
  readonly rates: ReadonlyMap<string, RateSum>;
}

/** What is gathered until there are enough successes to compare. Times are monotonic milliseconds. */
export interface Epoch {
  readonly rates: ReadonlyMap<string, RateSum>;
  readonly successes: number;
  /** Null before the first pull. */
  readonly startedAt: number | null;
  /** Slots in use, since when, and the sum of slots times milliseconds before that. */
  readonly count: number;
  readonly countedAt: number;
  readonly countMs: number;
}

/** An epoch in which nothing has happened. */
export function createEpoch(): Epoch {
  return { rates: new Map(), successes: 0, startedAt: null, count: 0, countedAt: 0, countMs: 0 };
}

/** The epoch with another number of slots in use from now on. */
export function epochCounting(epoch: Epoch, count: number, now: number): Epoch {
  return { ...epoch, startedAt: epoch.startedAt ?? now, count, countedAt: now, countMs: countMsOf(epoch, now) };
}

/** The epoch with one more success; one that started before the epoch had another part of the bandwidth, and says nothing. */
export function epochWith(epoch: Epoch, { digest, sizeBytes, durationMs }: MeasuredPull, now: number): Epoch {
  if (durationMs <= 0 || now - durationMs < (epoch.startedAt ?? now)) return epoch;
  const { sum, pulls } = epoch.rates.get(digest) ?? { sum: 0, pulls: 0 };
  const rates = new Map(epoch.rates).set(digest, { sum: sum + sizeBytes / durationMs, pulls: pulls + 1 });
  return { ...epoch, rates, successes: epoch.successes + 1 };
}

/** What the epoch has come to, and the next one. */
export function measured(epoch: Epoch, now: number): readonly [Throughput, Epoch] {
  const { rates, count } = epoch;
  const durationMs = now - (epoch.startedAt ?? now);
  const throughput = { count: durationMs > 0 ? countMsOf(epoch, now) / durationMs : count, rates };
  return [throughput, { ...createEpoch(), startedAt: now, count, countedAt: now }];
}

/** How many times as much came in: by the images that are in both epochs; by all, where there is none. */
export function growthOf(before: Throughput, after: Throughput): number {
  let [weight, ratios] = [0, 0];
  for (const [digest, { sum, pulls }] of after.rates) {
    const same = before.rates.get(digest);
    if (same === undefined) continue;
    const shared = Math.min(pulls, same.pulls);
    weight += shared;
    ratios += (shared * sum * same.pulls) / (pulls * same.sum);
  }
  const rates = weight > 0 ? ratios / weight : meanRate(after) / meanRate(before);
  return (rates * after.count) / before.count;
}

function meanRate({ rates }: Throughput): number {
  let [sum, pulls] = [0, 0];
  for (const rate of rates.values()) [sum, pulls] = [sum + rate.sum, pulls + rate.pulls];
  return sum / pulls;
}

function countMsOf({ startedAt, count, countedAt, countMs }: Epoch, now: number): number {
  return startedAt === null ? 0 : countMs + count * (now - countedAt);
}
