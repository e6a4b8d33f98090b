/** For how long a pull is remembered as one of a series, milliseconds: 6 hours. */
export const THRASHING_WINDOW = 6 * 3_600_000;
/** Pulls of one image to one node inside the window from which on it is thrashing. */
export const THRASHING_PULLS = 3;
/** The wait before the next pull of a thrashing image, milliseconds; doubled with each further one. */
const INITIAL_PAUSE_MS = 600_000;
const MAX_PAUSE_MS = THRASHING_WINDOW;
/** As many pulls as it takes to reach the longest pause: more need not be remembered. */
const MAX_REMEMBERED = 12;

/** The verdict on an image that is missing again after it was pulled. */
export interface Thrashing {
  /** Pulls inside the window. */
  readonly pulls: number;
  /** When the next pull may start, on the scale of the pulls' times. */
  readonly notBefore: number;
}

/** When each image was pulled to a node, by digest, monotonic milliseconds. */
export type PullTimes = ReadonlyMap<string, readonly number[]>;

/** The times of a node's pulls with one more, without those that no longer count. */
export function rememberPulls(pulledAt: PullTimes, digest: string, now: number): PullTimes {
  const recent = [...pulledAt].filter(([, times]) => recentPulls(times, now).length > 0);
  return new Map(recent).set(digest, rememberPull(pulledAt.get(digest) ?? [], now));
}

/** Whether none of a node's pulls counts any longer. */
export function isForgotten(pulledAt: PullTimes, now: number): boolean {
  return pulledAt.values().every((times) => recentPulls(times, now).length === 0);
}

/** The times of the pulls with one more, without those that no longer count. Times are monotonic milliseconds. */
export function rememberPull(pulledAt: readonly number[], now: number): readonly number[] {
  return [...recentPulls(pulledAt, now), now].slice(-MAX_REMEMBERED);
}

/**
 * Whether an image that was pulled to a node at these times and is missing there again is being evicted as fast as it
 * is pulled (the kubelet's garbage collector takes what was never used first), and when to try next; null where it is not.
 */
export function judgeThrashing(pulledAt: readonly number[], now: number): Thrashing | null {
  const recent = recentPulls(pulledAt, now);
  const last = recent.at(-1);
  if (last === undefined || recent.length < THRASHING_PULLS) return null;
  const pause = Math.min(INITIAL_PAUSE_MS * 2 ** (recent.length - THRASHING_PULLS), MAX_PAUSE_MS);
  return { pulls: recent.length, notBefore: last + pause };
}

function recentPulls(pulledAt: readonly number[], now: number): readonly number[] {
  return pulledAt.filter((time) => now - time < THRASHING_WINDOW);
}
