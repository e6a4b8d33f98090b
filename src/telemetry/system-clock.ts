import type { Clock } from "../ports.ts";

/** The longest delay that a Node timer keeps, in milliseconds; a longer one would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** How the timers of a system clock treat the process. */
export interface SystemClockOptions {
  /** Whether a timer that waits keeps the process alive. Default: true. */
  readonly keepsProcessAlive?: boolean | undefined;
}

/**
 * The clock of the running process. Longer delays than a Node timer can hold are chained; a delay that is no positive
 * number falls due in the next turn of the event loop, an infinite one never.
 */
export function createSystemClock({ keepsProcessAlive = true }: SystemClockOptions = {}): Clock {
  return {
    wallTime: () => Date.now(),
    monotonicTime: () => performance.now(),
    schedule: (milliseconds, callback) => startTimer(milliseconds, callback, keepsProcessAlive),
  };
}

function startTimer(milliseconds: number, callback: () => void, keepsProcessAlive: boolean): () => void {
  const due = performance.now() + Math.max(0, Number.isNaN(milliseconds) ? 0 : milliseconds);
  let timer: NodeJS.Timeout;
  function wait(): void {
    const remaining = due - performance.now();
    timer = setTimeout(
      remaining > MAX_TIMER_MS ? wait : callback,
      Math.min(Math.max(Math.ceil(remaining), 0), MAX_TIMER_MS),
    );
    if (!keepsProcessAlive) timer.unref();
  }
  wait();
  return () => clearTimeout(timer);
}
