import { processorWait } from "../processor-wait.ts";

/** How long the event loop stood still, in milliseconds, without the time for which it waited for a processor. */
export interface Stalls {
  readonly longest: number;
  /** How often it stood still for over 10 ms. */
  readonly over10: number;
  /** The longest by the clock, with what other processes took. */
  readonly longestByTheClock: number;
}

/** Measures this process's event loop by a timer of one millisecond until the function that it answers is called. */
export function watchLoop(): () => Stalls {
  const waited = processorWait();
  let longest = 0;
  let over10 = 0;
  let longestByTheClock = 0;
  let last = performance.now();
  let lastWait = waited();
  const timer = setInterval(() => {
    const now = performance.now();
    const wait = waited();
    const late = now - last - 1;
    const own = late - (wait - lastWait);
    last = now;
    lastWait = wait;
    longest = Math.max(longest, own);
    longestByTheClock = Math.max(longestByTheClock, late);
    if (own > 10) over10++;
  }, 1);
  return () => {
    clearInterval(timer);
    return { longest, over10, longestByTheClock };
  };
}
