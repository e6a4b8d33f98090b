import type { Clock } from "../../../src/ports.ts";
import { createSystemClock } from "../../../src/telemetry/system-clock.ts";

/** The machine's clock, moved on by hand where something would take minutes. */
export interface ShiftableClock extends Clock {
  /** From now on the monotonic time is so many milliseconds later. Timers that run keep their real length. */
  shift(milliseconds: number): void;
  /** Steps the wall clock alone, as an operator or NTP would. */
  stepWallTime(milliseconds: number): void;
}

/** A clock that runs as the machine's does until it is moved. */
export function shiftableClock(): ShiftableClock {
  const machine = createSystemClock();
  let shifted = 0;
  let stepped = 0;
  return {
    wallTime: () => machine.wallTime() + stepped,
    monotonicTime: () => machine.monotonicTime() + shifted,
    schedule: (milliseconds, callback) => machine.schedule(milliseconds, callback),
    shift(milliseconds) {
      shifted += milliseconds;
    },
    stepWallTime(milliseconds) {
      stepped += milliseconds;
    },
  };
}

/** A clock so many times as fast as the machine's, for what waits for minutes by constants and not by configuration. */
export function fastClock(factor: number): Clock {
  const machine = createSystemClock();
  return {
    wallTime: () => machine.wallTime(),
    monotonicTime: () => machine.monotonicTime() * factor,
    schedule: (milliseconds, callback) => machine.schedule(milliseconds / factor, callback),
  };
}
