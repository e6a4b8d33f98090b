import type { Clock } from "../ports.ts";

/** Demanded refreshes that start at once. */
const BURST = 10;
/** Time in ms after which one more may. */
const INTERVAL_MS = 2_000;

/** How often refreshes are started on demand, so that one caller in a loop cannot load the registry (field case F67). */
export interface RefreshPace {
  /** Time in ms before a demanded refresh may start; where it is 0, it starts now, and counts. */
  take(): number;
}

/** Ten at once, and one every two seconds. */
export function createRefreshPace(clock: Clock): RefreshPace {
  let left = BURST;
  let since = clock.monotonicTime();
  return {
    take() {
      const now = clock.monotonicTime();
      const regained = Math.floor((now - since) / INTERVAL_MS);
      left = Math.min(BURST, left + regained);
      since = left === BURST ? now : since + regained * INTERVAL_MS;
      if (left === 0) return since + INTERVAL_MS - now;
      left -= 1;
      return 0;
    },
  };
}
