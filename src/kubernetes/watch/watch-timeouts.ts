import type { Clock } from "../../ports.ts";

/** Which timeout of an open watch was reached: nothing was received for too long, or its lifetime is over. */
export type ReachedTimeout = { readonly kind: "silent" } | { readonly kind: "ended" };

/** The idle and the lifetime timeout of one open watch. */
export interface WatchTimeouts {
  /** Starts both; `onTimeout` is called once, when either is reached. */
  start(onTimeout: () => void): void;
  /** Something was received: the idle timeout starts again. */
  touch(): void;
  /** Which timeout was reached, or null. */
  reached(): ReachedTimeout | null;
  /** Releases the timers. */
  stop(): void;
}

/**
 * Creates the timeouts of a watch. Something may be received thousands of times a second, so `touch` only records the time:
 * the timer looks at it when it is due, and waits for the rest.
 */
export function createWatchTimeouts(clock: Clock, idleMs: number, lifetimeMs: number): WatchTimeouts {
  let lastReceived = 0;
  let timeout: ReachedTimeout | null = null;
  let cancelIdle = (): void => undefined;
  let cancelLifetime = (): void => undefined;

  function stop(): void {
    cancelIdle();
    cancelLifetime();
  }

  function scheduleIdle(end: (reason: ReachedTimeout) => void): void {
    const left = lastReceived + idleMs - clock.monotonicTime();
    cancelIdle = clock.schedule(Math.max(1, left), () => {
      if (clock.monotonicTime() - lastReceived < idleMs) scheduleIdle(end);
      else end({ kind: "silent" });
    });
  }

  return {
    start(onTimeout) {
      const end = (reason: ReachedTimeout) => {
        stop();
        timeout = reason;
        onTimeout();
      };
      lastReceived = clock.monotonicTime();
      scheduleIdle(end);
      cancelLifetime = clock.schedule(lifetimeMs, () => end({ kind: "ended" }));
    },
    touch() {
      lastReceived = clock.monotonicTime();
    },
    reached: () => timeout,
    stop,
  };
}
