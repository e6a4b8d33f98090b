import assert from "node:assert/strict";
import { test } from "node:test";
import { formatPolicyTable, prepullPolicyTable } from "./table.ts";

const SMALLER = { seeds: [2077, 2078, 2079], nodes: 60, joining: 20 };

test("row 11: no node waits for another, and the recommended image is everywhere early", async () => {
  const table = await prepullPolicyTable(SMALLER);
  const text = formatPolicyTable(table);
  assert.ok(table.ratios.median >= 1, text);
  assert.ok(table.ratios.joinedP99 >= 5, text);
  assert.ok(table.ratios.recommendedEverywhere >= 2, text);
  assert.ok(table.ours.mostAtOnce <= 9, "never more than one and a half times the cap of 6");
});

test("the simulation gives the same figures for the same seeds", async () => {
  const size = { seeds: [1], nodes: 10, joining: 3 };
  assert.deepEqual(await prepullPolicyTable(size), await prepullPolicyTable(size));
});
