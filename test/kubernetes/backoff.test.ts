import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createBackoff } from "../../src/lib/backoff.ts";
import { manualClock } from "../support/manual-clock.ts";

describe("backoff", () => {
  it("doubles from 0.8 s to 30 s", () => {
    const backoff = createBackoff(manualClock(), () => 0);
    const delays = Array.from({ length: 8 }, () => backoff.next());
    assert.deepEqual(delays, [800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000]);
  });

  it("adds up to as much again as jitter", () => {
    const backoff = createBackoff(manualClock(), () => 0.75);
    assert.equal(backoff.next(), 1_400);
    assert.equal(backoff.first(), 1_400);
    assert.equal(backoff.next(), 2_800);
  });

  it("begins again when two minutes have passed after its delay", async () => {
    const clock = manualClock();
    const backoff = createBackoff(clock, () => 0);
    backoff.next();
    await clock.advance(120_800);
    assert.equal(backoff.next(), 1_600);
    await clock.advance(121_601);
    assert.equal(backoff.next(), 800);
  });

  it("is not touched by a step of the wall clock", () => {
    const clock = manualClock();
    const backoff = createBackoff(clock, () => 0);
    backoff.next();
    clock.stepWallTime(3_600_000);
    assert.equal(backoff.next(), 1_600);
  });
});
