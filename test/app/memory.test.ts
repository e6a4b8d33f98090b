import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { startMemoryKeeper } from "../../src/app/memory.ts";
import { manualClock } from "../support/manual-clock.ts";

const MB = 1_000_000;

/** A keeper of a process whose figures are set by hand; a release takes it down to `live`. */
function world() {
  const clock = manualClock();
  const state = { resident: 100 * MB, live: 100 * MB, processorMs: 0, size: 1_000, stopMs: 50, releases: 0 };
  const stop = startMemoryKeeper({
    clock: { monotonicTime: () => clock.monotonicTime(), schedule: clock.schedule },
    size: () => state.size,
    residentBytes: () => state.resident,
    processorMs: () => state.processorMs,
    release() {
      state.releases += 1;
      state.resident = state.live;
    },
  });
  return { clock, state, stop };
}

describe("F60: what a burst has left behind", () => {
  test("is given back once the process is calm, and not before", async () => {
    const { clock, state, stop } = world();
    await clock.advance(60_000);
    assert.equal(state.releases, 0);
    state.resident = 300 * MB;
    state.processorMs += 5_000;
    await clock.advance(5_000);
    assert.equal(state.releases, 0, "the process was busy");
    await clock.advance(5_000);
    assert.deepEqual([state.releases, state.resident], [1, 100 * MB]);
    stop();
    assert.equal(clock.pending, 0);
  });

  test("is looked for when the service holds less than half of what it did, whatever that left resident", async () => {
    const { clock, state } = world();
    state.size = 200_000;
    await clock.advance(60_000);
    assert.equal(state.releases, 0);
    state.size = 1_000;
    await clock.advance(5_000);
    assert.equal(state.releases, 1);
    await clock.advance(60_000);
    assert.equal(state.releases, 1);
  });

  test("stops the process less and less often where that gives nothing back", async () => {
    const { clock, state } = world();
    for (let minute = 0; minute < 120; minute += 1) {
      state.resident *= 1.06;
      state.live = state.resident;
      await clock.advance(60_000);
    }
    assert.ok(state.releases <= 40, `${state.releases} in two hours`);
  });
});
