import type { Clock } from "../../src/ports.ts";

/** The machine's own time, for tests whose peers are real sockets. Limits are shortened instead of the clock turned. */
export const nodeClock: Clock = {
  wallTime: () => Date.now(),
  monotonicTime: () => performance.now(),
  schedule(milliseconds, callback) {
    const timer = setTimeout(callback, milliseconds);
    return () => clearTimeout(timer);
  },
};
