/** Time as the simulation needs it; the service's own clock fits, and tests give one that is turned by hand. */
export interface SimulatedTime {
  /** Milliseconds since the epoch. */
  wallTime(): number;
  /** Milliseconds on a scale that never steps. */
  monotonicTime(): number;
  /** Runs `callback` once after `milliseconds`; returns a function that cancels it. */
  schedule(milliseconds: number, callback: () => void): () => void;
}

/** The time of this machine. */
export const machineTime: SimulatedTime = {
  wallTime: () => Date.now(),
  monotonicTime: () => performance.now(),
  schedule(milliseconds, callback) {
    const timer = setTimeout(callback, Math.min(milliseconds, 2 ** 31 - 1));
    return () => clearTimeout(timer);
  },
};
