import type { Clock } from "../../ports.ts";

/** Turns many notifications into few refreshes. */
export interface NotificationThrottle {
  /** Something was pushed. Calls `refresh` at once, or when the interval since the last call is over; never loses one. */
  notify(): void;
  /** Takes back a call that waits. */
  stop(): void;
}

/** At most one refresh in this time (issue: a push shows within seven seconds at worst). */
export const NOTIFICATION_INTERVAL_MS = 5_000;

/**
 * The first notification passes at once; those that follow within the interval are answered by one more call at its
 * end. `refresh` must not throw, and starts work without waiting for it.
 */
export function createNotificationThrottle(
  clock: Clock,
  refresh: () => void,
  intervalMs: number = NOTIFICATION_INTERVAL_MS,
): NotificationThrottle {
  let lastAt: number | null = null;
  let cancel: (() => void) | null = null;

  function pass(): void {
    cancel = null;
    lastAt = clock.monotonicTime();
    refresh();
  }

  return {
    notify() {
      if (cancel !== null) return;
      const waitMs = lastAt === null ? 0 : lastAt + intervalMs - clock.monotonicTime();
      if (waitMs <= 0) pass();
      else cancel = clock.schedule(waitMs, pass);
    },
    stop() {
      cancel?.();
      cancel = null;
    },
  };
}
