import type { Clock } from "../../ports.ts";

/** Why an open watch is ended here: nothing was heard for too long, or it has outlived the time that it was given. */
export type TimeOver = { readonly kind: "silent" } | { readonly kind: "ended" };

/** Watches over the time of one open watch. */
export interface WatchTimes {
  /** Begins to listen; `onOver` is called once, when either time is over. */
  start(onOver: () => void): void;
  /** A sign of life. */
  heard(): void;
  /** Which time was over, or null. */
  reached(): TimeOver | null;
  /** Releases the timers. */
  stop(): void;
}

/**
 * Both in milliseconds. Signs of life may come thousands of times a second, so they only note the time: the timer looks
 * at that when it is due, and waits for the rest.
 */
export function createWatchTimes(clock: Clock, silenceMs: number, lifeMs: number): WatchTimes {
  let lastHeard = 0;
  let over: TimeOver | null = null;
  let cancelSilence = (): void => undefined;
  let cancelLife = (): void => undefined;

  function stop(): void {
    cancelSilence();
    cancelLife();
  }

  function listen(end: (reason: TimeOver) => void): void {
    const left = lastHeard + silenceMs - clock.monotonicTime();
    cancelSilence = clock.schedule(Math.max(1, left), () => {
      if (clock.monotonicTime() - lastHeard < silenceMs) listen(end);
      else end({ kind: "silent" });
    });
  }

  return {
    start(onOver) {
      const end = (reason: TimeOver) => {
        stop();
        over = reason;
        onOver();
      };
      lastHeard = clock.monotonicTime();
      listen(end);
      cancelLife = clock.schedule(lifeMs, () => end({ kind: "ended" }));
    },
    heard() {
      lastHeard = clock.monotonicTime();
    },
    reached: () => over,
    stop,
  };
}
