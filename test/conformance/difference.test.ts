import assert from "node:assert/strict";
import { test } from "node:test";
import { firstDifference } from "./difference.ts";

test("equal values have no difference, whatever the order of their keys", () => {
  assert.equal(firstDifference({ a: [1, { b: null }], c: "x" }, { c: "x", a: [1, { b: null }] }), null);
});

test("the first difference is named by its path", () => {
  const difference = firstDifference(
    { menu: [{ name: "a" }, { name: "b" }] },
    { menu: [{ name: "a" }, { name: "c" }] },
  );
  assert.deepEqual(difference, { path: "menu[1].name", expected: "b", actual: "c" });
});

test("what is missing, and what is too much, are differences", () => {
  assert.deepEqual(firstDifference([1, 2], [1]), { path: "[1]", expected: 2, actual: undefined });
  assert.deepEqual(firstDifference({}, { a: 1 }), { path: "a", expected: undefined, actual: 1 });
  assert.deepEqual(firstDifference([], {}), { path: "(all)", expected: [], actual: {} });
  assert.deepEqual(firstDifference(null, {}), { path: "(all)", expected: null, actual: {} });
});
