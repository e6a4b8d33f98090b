import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  type CooperativeTask,
  mergeCooperatively,
  runToCompletion,
  sortCooperatively,
} from "../../src/domain/cooperative.ts";

const byNumber = (a: number, b: number): number => a - b;

/** How many steps a task takes. */
function stepsOf(task: CooperativeTask<unknown>): number {
  let steps = 0;
  while (task.next().done !== true) steps += 1;
  return steps;
}

test("sorting and merging in steps come to what the engine does at once", () => {
  const numbers = fc.array(fc.integer({ min: 0, max: 2_000 }), { maxLength: 5_000, size: "max" });
  fc.assert(
    fc.property(numbers, numbers, (left, right) => {
      const expected = left.toSorted(byNumber);
      assert.deepEqual(runToCompletion(sortCooperatively(left, byNumber)), expected);
      const merged = mergeCooperatively(expected, right.toSorted(byNumber), byNumber);
      assert.deepEqual(runToCompletion(merged), [...left, ...right].sort(byNumber));
    }),
    { numRuns: 20 },
  );
});

test("sorting is stable", () => {
  const items = Array.from({ length: 5_000 }, (_, index) => ({ key: index % 7, index }));
  const byKey = (a: { key: number }, b: { key: number }): number => a.key - b.key;
  assert.deepEqual(runToCompletion(sortCooperatively(items, byKey)), items.toSorted(byKey));
});

test("a long list takes many steps, and a short one few", () => {
  const items = Array.from({ length: 100_000 }, (_, index) => (index * 7_919) % 100_000);
  assert.ok(stepsOf(sortCooperatively(items, byNumber)) > 500);
  assert.ok(stepsOf(sortCooperatively(items.slice(0, 100), byNumber)) <= 1);
  assert.equal(stepsOf(sortCooperatively([], byNumber)), 0);
});
