import assert from "node:assert/strict";
import { test } from "node:test";
import { backoffDelayMs } from "../../src/lib/backoff.ts";

test("a delay doubles with each failure up to its maximum, and half of it is jitter", () => {
  const limits = { initialMs: 100, maxMs: 1_000 };
  assert.equal(backoffDelayMs(1, limits, 0), 50);
  assert.equal(backoffDelayMs(2, limits, 0.5), 150);
  assert.equal(backoffDelayMs(3, limits, 1), 400);
  for (const failures of [5, 30, 5_000]) assert.equal(backoffDelayMs(failures, limits, 1), 1_000);
});
