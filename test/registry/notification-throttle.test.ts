import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { createNotificationThrottle, NOTIFICATION_INTERVAL_MS } from "../../src/registry/oci/notification-throttle.ts";
import { manualClock } from "../support/manual-clock.ts";

describe("notification throttle", () => {
  it("passes the first at once and the rest as one, at the end of the interval", async () => {
    const clock = manualClock();
    const refreshes: number[] = [];
    const throttle = createNotificationThrottle(clock, () => refreshes.push(clock.monotonicTime()));
    throttle.notify();
    assert.deepEqual(refreshes, [0]);
    await clock.advance(1_000);
    for (let sent = 0; sent < 50; sent += 1) throttle.notify();
    await clock.advance(3_999);
    assert.deepEqual(refreshes, [0]);
    await clock.advance(1);
    assert.deepEqual(refreshes, [0, NOTIFICATION_INTERVAL_MS]);
    await clock.advance(60_000);
    assert.equal(refreshes.length, 2);
    throttle.notify();
    assert.equal(refreshes.length, 3);
  });

  it("does not heed steps of the wall clock, and stops", async () => {
    const clock = manualClock();
    let refreshes = 0;
    const throttle = createNotificationThrottle(clock, () => {
      refreshes += 1;
    });
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
        const throttle = createNotificationThrottle(clock, () => refreshes.push(clock.monotonicTime()));
        for (const gap of gaps) {
          await clock.advance(gap);
          notified.push(clock.monotonicTime());
          throttle.notify();
        }
        await clock.advance(NOTIFICATION_INTERVAL_MS);
        for (const [index, at] of refreshes.entries()) {
          assert.ok(index === 0 || at - (refreshes[index - 1] ?? 0) >= NOTIFICATION_INTERVAL_MS);
        }
        for (const at of notified) {
          assert.ok(refreshes.some((refresh) => refresh >= at && refresh <= at + NOTIFICATION_INTERVAL_MS));
        }
      }),
      { numRuns: 30 },
    );
  });
});
