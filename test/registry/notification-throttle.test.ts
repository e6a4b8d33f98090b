import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { createNotificationThrottle, REFRESH_PACE } from "../../src/registry/oci/notification-throttle.ts";
import { manualClock } from "../support/manual-clock.ts";

const INTERVAL_MS = REFRESH_PACE.intervalMs;

describe("notification throttle", () => {
  it("calls back at once, once more after the interval, and once for all that came in between", async () => {
    const clock = manualClock();
    const calls: number[] = [];
    const throttle = createNotificationThrottle(clock, () => calls.push(clock.monotonicTime()), REFRESH_PACE);
    throttle.notify();
    assert.deepEqual(calls, [0]);
    await clock.advance(1_000);
    for (let sent = 0; sent < 50; sent += 1) throttle.notify();
    await clock.advance(999);
    assert.deepEqual(calls, [0]);
    await clock.advance(1);
    assert.deepEqual(calls, [0, INTERVAL_MS]);
    await clock.advance(60_000);
    assert.deepEqual(calls, [0, INTERVAL_MS, 2 * INTERVAL_MS]);
    throttle.notify();
    assert.equal(calls.length, 4);
  });

  it("does not heed steps of the wall clock, and stops", async () => {
    const clock = manualClock();
    let refreshes = 0;
    const throttle = createNotificationThrottle(
      clock,
      () => {
        refreshes += 1;
      },
      REFRESH_PACE,
    );
    throttle.notify();
    clock.stepWallTime(3_600_000);
    throttle.notify();
    assert.equal(refreshes, 1);
    throttle.stop();
    throttle.stop();
    await clock.advance(60_000);
    assert.equal(refreshes, 1);
    assert.equal(clock.pending, 0);
  });

  it("keeps the distance, and a refresh follows every notification within the interval", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 8_000 }), { maxLength: 30 }), async (gaps) => {
        const clock = manualClock();
        const refreshes: number[] = [];
        const notified: number[] = [];
        const throttle = createNotificationThrottle(clock, () => refreshes.push(clock.monotonicTime()), REFRESH_PACE);
        for (const gap of gaps) {
          await clock.advance(gap);
          notified.push(clock.monotonicTime());
          throttle.notify();
        }
        await clock.advance(2 * INTERVAL_MS);
        for (const [index, at] of refreshes.entries()) {
          assert.ok(index === 0 || at - (refreshes[index - 1] ?? 0) >= INTERVAL_MS);
        }
        for (const at of notified) {
          const later = refreshes.filter((refresh) => refresh >= at && refresh <= at + 2 * INTERVAL_MS);
          assert.ok(later.length >= 2, "one at once or at the end of the interval, one after it");
        }
      }),
      { numRuns: 30 },
    );
  });
});
