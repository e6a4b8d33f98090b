/** The part of a clock that a backoff needs. */
export interface MonotonicClock {
  /** Milliseconds on a scale that never steps. */
  monotonicTime(): number;
}

/** Delays between tries, in milliseconds. */
export interface Backoff {
  /** The delay before the next try; each is twice the one before, until `resetAfterMs` have passed without one. */
  next(): number;
  /** The first delay again, with jitter, without counting as a try. */
  first(): number;
}

/** Bounds of a backoff; the defaults are client-go's reflector's. */
export interface BackoffLimits {
  readonly initialMs: number;
  readonly maxMs: number;
  readonly resetAfterMs: number;
}

export const reflectorBackoff: BackoffLimits = { initialMs: 800, maxMs: 30_000, resetAfterMs: 120_000 };

/** Exponential backoff with factor 2 and jitter 1.0: a delay lies between its step and twice that. */
export function createBackoff(
  clock: MonotonicClock,
  random: () => number,
  limits: BackoffLimits = reflectorBackoff,
): Backoff {
  let step = 0;
  let lastTime = Number.NEGATIVE_INFINITY;
  const jittered = (milliseconds: number) => milliseconds * (1 + random());
  return {
    next() {
      const now = clock.monotonicTime();
      if (now - lastTime > limits.resetAfterMs) step = 0;
      const delay = jittered(Math.min(limits.initialMs * 2 ** step, limits.maxMs));
      // The reset counts from the end of the delay: the try itself comes after it.
      lastTime = now + delay;
      step += 1;
      return delay;
    },
    first: () => jittered(limits.initialMs),
  };
}

/** Delay in ms after `failures` failures in a row, from 1: doubled with each up to `maxMs`, less a jitter of up to half. */
export function backoffDelayMs(
  failures: number,
  { initialMs, maxMs }: Pick<BackoffLimits, "initialMs" | "maxMs">,
  random: number,
): number {
  return Math.min(initialMs * 2 ** Math.min(failures - 1, 16), maxMs) * (0.5 + random / 2);
}
