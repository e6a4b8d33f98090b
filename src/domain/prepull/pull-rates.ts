/** How many successes the expected duration follows from. */
const RECENT_SUCCESSES = 32;
/** With fewer successes nothing is expected, and nothing is overdue. */
const MIN_SUCCESSES = 3;

/** The rates of the pulls that succeeded last, in bytes a millisecond, the latest at the end. */
export type PullRates = readonly number[];

/** The rates after a pull of `sizeBytes` has taken `durationMs`. */
export function withRate(rates: PullRates, sizeBytes: number, durationMs: number): PullRates {
  // An image that was there already proves nothing of the registry.
  if (durationMs <= 0) return rates;
  return [...rates.slice(1 - RECENT_SUCCESSES), sizeBytes / durationMs];
}

/**
 * The rate that is likely now; null while too little is known. The median: a mean would follow the few whose size is wrong
 * or whose node is slow.
 */
export function likelyRate(rates: PullRates): number | null {
  if (rates.length < MIN_SUCCESSES) return null;
  return [...rates].sort((a, b) => a - b)[(rates.length - 1) >> 1] ?? null;
}
