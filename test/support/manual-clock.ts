import type { Clock } from "../../src/ports.ts";

/** A clock that stands still until it is told to go on. */
export interface ManualClock extends Clock {
  /** Moves both scales on, runs what falls due in order, and lets promise jobs run after each. */
  advance(milliseconds: number): Promise<void>;
  /** Moves the wall clock alone, as an operator or NTP would. */
  stepWallTime(milliseconds: number): void;
  /** How many callbacks wait. */
  readonly pending: number;
}

interface Scheduled {
  readonly at: number;
  readonly callback: () => void;
}

function promiseJobs(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Starts at `wallStart` (milliseconds since the epoch) and monotonic zero. */
export function manualClock(wallStart = Date.UTC(2077, 9, 23)): ManualClock {
  let wall = wallStart;
  let monotonic = 0;
  const scheduled = new Set<Scheduled>();

  function nextDue(until: number): Scheduled | undefined {
    let next: Scheduled | undefined;
    for (const entry of scheduled) {
      if (entry.at <= until && (next === undefined || entry.at < next.at)) next = entry;
    }
    return next;
  }

  function moveTo(time: number): void {
    wall += time - monotonic;
    monotonic = time;
  }

  return {
    wallTime: () => wall,
    monotonicTime: () => monotonic,
    schedule(milliseconds, callback) {
      const entry = { at: monotonic + Math.max(0, milliseconds), callback };
      scheduled.add(entry);
      return () => scheduled.delete(entry);
    },
    async advance(milliseconds) {
      const until = monotonic + milliseconds;
      await promiseJobs();
      for (let next = nextDue(until); next !== undefined; next = nextDue(until)) {
        scheduled.delete(next);
        moveTo(Math.max(monotonic, next.at));
        next.callback();
        await promiseJobs();
      }
      moveTo(until);
      await promiseJobs();
    },
    stepWallTime(milliseconds) {
      wall += milliseconds;
    },
    get pending() {
      return scheduled.size;
    },
  };
}
