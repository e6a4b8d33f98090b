import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { PULL_BACKOFF, pullBackoff } from "../../src/domain/prepull/prepull-backoff.ts";

test("a failed pull waits as the kubelet would: 10 s, twice as long each time, 300 s at most", () => {
  const waits = [1, 2, 3, 6, 100].map((failures) => pullBackoff(PULL_BACKOFF, failures, 1));
  assert.deepEqual(waits, [10_000, 20_000, 40_000, 300_000, 300_000]);
});

test("chance takes up to a half of the wait", () => {
  const failures = fc.integer({ min: 1, max: 1_000 });
  const random = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(failures, random, (count, chance) => {
      const whole = pullBackoff(PULL_BACKOFF, count, 1);
      const wait = pullBackoff(PULL_BACKOFF, count, chance);
      assert.ok(wait >= whole / 2 && wait <= whole);
      assert.ok(whole <= pullBackoff(PULL_BACKOFF, count + 1, 1), "it never gets shorter");
    }),
  );
});
