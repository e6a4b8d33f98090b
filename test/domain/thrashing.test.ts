import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { judgeThrashing, rememberPull, THRASHING_WINDOW } from "../../src/domain/prepull/thrashing.ts";

const MINUTE = 60_000;

test("an image that is missing after its third pull in six hours is thrashing, and waits ten minutes", () => {
  assert.equal(judgeThrashing([], 0), null);
  assert.equal(judgeThrashing([0, MINUTE], 2 * MINUTE), null);
  assert.deepEqual(judgeThrashing([0, MINUTE, 2 * MINUTE], 3 * MINUTE), { pulls: 3, notBefore: 12 * MINUTE });
});

test("with each further pull the wait doubles, up to the window", () => {
  const pulls = Array.from({ length: 10 }, (_, at) => at * MINUTE);
  assert.deepEqual(judgeThrashing(pulls.slice(0, 4), 5 * MINUTE)?.notBefore, 3 * MINUTE + 20 * MINUTE);
  assert.deepEqual(judgeThrashing(pulls, 10 * MINUTE)?.notBefore, 9 * MINUTE + THRASHING_WINDOW);
});

test("pulls of long ago do not count", () => {
  assert.equal(judgeThrashing([0, MINUTE, 2 * MINUTE], THRASHING_WINDOW + MINUTE), null);
  assert.deepEqual(rememberPull([0, MINUTE], THRASHING_WINDOW + MINUTE / 2), [MINUTE, THRASHING_WINDOW + MINUTE / 2]);
});

test("what is remembered is bounded, in order, and ends with the last pull", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 3_600_000 }), { minLength: 1, maxLength: 100 }), (gaps) => {
      let now = 0;
      let pulls: readonly number[] = [];
      for (const gap of gaps) {
        now += gap;
        pulls = rememberPull(pulls, now);
      }
      assert.ok(pulls.length <= 12);
      assert.equal(pulls.at(-1), now);
      assert.deepEqual(
        pulls,
        [...pulls].sort((a, b) => a - b),
      );
      const verdict = judgeThrashing(pulls, now);
      assert.ok(verdict === null || verdict.notBefore > now);
    }),
  );
});
