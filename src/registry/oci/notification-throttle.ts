import type { Clock } from "../../ports.ts";

/** Turns many notifications into few calls. */
export interface NotificationThrottle {
  /** Something was pushed. Calls back at once, or when the interval since the last call is over; never loses one. */
  notify(): void;
  /** Cancels calls that are due. */
  stop(): void;
}

/** How often a throttle calls back. */
export interface NotificationPace {
  /** Shortest time between two calls, in ms. */
  readonly intervalMs: number;
  /** Calls that follow a notification at least. */
  readonly calls: number;
}

/**
 * Refreshes for notifications. The second one is for registries that notify before they write the tag: docker-registry
 * does (field case F71), and the refresh that follows at once may list the tags of before.
 */
export const REFRESH_PACE: NotificationPace = { intervalMs: 2_000, calls: 2 };

/** The first notification calls back at once; those that follow within the interval share one call at its end. */
export function createNotificationThrottle(
  clock: Clock,
  callback: () => void,
  { intervalMs, calls }: NotificationPace,
): NotificationThrottle {
  let lastAt = Number.NEGATIVE_INFINITY;
  let due = 0;
  let cancel: (() => void) | null = null;

  function proceed(): void {
    cancel = null;
    if (due === 0) return;
    const waitMs = lastAt + intervalMs - clock.monotonicTime();
    if (waitMs <= 0) {
      due -= 1;
      lastAt = clock.monotonicTime();
      callback();
    }
    if (due > 0) cancel = clock.schedule(waitMs <= 0 ? intervalMs : waitMs, proceed);
  }

  return {
    notify() {
      due = calls;
      if (cancel === null) proceed();
    },
    stop() {
      due = 0;
      cancel?.();
      cancel = null;
    },
  };
}
