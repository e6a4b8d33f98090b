import assert from "node:assert/strict";
import { test } from "node:test";
import { formatPolicyTable } from "./format.ts";
import { prepullPolicyTable } from "./table.ts";

const SMALLER = { seeds: [2077, 2078, 2079, 2080, 2081], nodes: 60, joining: 18 };

test("row 11: no node waits for another, and the recommended image is everywhere early", async () => {
  const table = await prepullPolicyTable(SMALLER);
  const text = formatPolicyTable(table);
  const { median, joinedP99Unstuck, recommendedEverywhereUnstuck } = table.ratios;
  assert.ok(median.median >= 1, text);
  assert.ok(joinedP99Unstuck.median >= 5, text);
  assert.ok(recommendedEverywhereUnstuck.median >= 2, text);
  assert.equal(table.ours.mostAtOnce, 6, "the cap");
});

test("the simulation gives the same figures for the same seeds, however slow the machine is", async ({ mock }) => {
  const size = { seeds: [1], nodes: 10, joining: 3 };
  const table = await prepullPolicyTable(size);
  let time = 0;
  mock.method(performance, "now", () => {
    time += 10;
    return time;
  });
  assert.deepEqual(await prepullPolicyTable(size), table);
});
