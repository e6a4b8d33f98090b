import assert from "node:assert/strict";
import { test } from "node:test";
import { arrivalsOf } from "./arrivals.ts";
import { formatPolicyTable } from "./format.ts";
import { ROW_11, scenario } from "./scenario.ts";
import { situation } from "./situations.ts";
import { policyTable, rulesLines, serviceLines } from "./table.ts";
import { virtualClock } from "./virtual-clock.ts";
import { createWire } from "./wire.ts";

const SEEDS = [2077, 2078, 2079, 2080, 2081];

test("row 11: no node waits for another, the recommended image is everywhere early, and the registry is never idle", () => {
  const table = policyTable(ROW_11, SEEDS);
  const text = formatPolicyTable(table);
  const { mean, median, recommendedOnFirst, recommendedEverywhere, last, joinersP99 } = table.rulesToOriginal;
  assert.ok(mean >= 1.1 && median >= 1.1, text);
  assert.ok(joinersP99 >= 5 && recommendedEverywhere >= 2, text);
  assert.ok(recommendedOnFirst >= 0.95 && last >= 0.95, text);
  assert.ok(table.rulesToBound.recommendedOnFirst <= 1.05 && table.rulesToBound.last <= 1.05, text);
});

test("sizes that are wrong by four times cost the mean a twentieth, the median and the joiners a fifth", () => {
  const right = rulesLines(ROW_11, SEEDS);
  for (const sizes of ["mixed", "four times", "a quarter"] as const) {
    const wrong = rulesLines({ ...ROW_11, sizes }, SEEDS);
    assert.ok(wrong.mean <= 1.05 * right.mean, `${sizes}: mean ${wrong.mean} instead of ${right.mean}`);
    assert.ok(wrong.median <= 1.2 * right.median, `${sizes}: median ${wrong.median} instead of ${right.median}`);
    assert.ok(wrong.joinersP99 <= 1.2 * right.joinersP99, `${sizes}: joiners ${wrong.joinersP99}`);
  }
});

test("a pull that is given up goes on: the earlier policy has more pulls on the wire than turns", () => {
  const { mostOnWire } = policyTable(situation("10 % stuck for 30 minutes"), SEEDS.slice(0, 2));
  assert.ok(mostOnWire.earlier > ROW_11.mostPulls, String(mostOnWire.earlier));
});

test("a node's next pull waits behind the one that hangs", () => {
  const cluster = scenario({ ...ROW_11, stuckPart: 1, hangMinutes: 30 }, 1);
  const clock = virtualClock();
  const arrivals = arrivalsOf(cluster, clock, () => undefined);
  const wire = createWire(cluster, clock, arrivals);
  const ends: [string, number][] = [];
  for (const image of cluster.images.slice(0, 2)) {
    wire.pull("node-0000", image, (end) => ends.push([end, clock.monotonicTime() / 60_000]));
  }
  assert.equal(wire.inProgress, 1, "the second is in the node's queue");
  clock.runSync(60 * 60_000, () => ends.length === 2);
  assert.deepEqual(ends[0], ["hung", 30]);
  assert.equal(ends[1]?.[0], "arrived");
  assert.ok((ends[1]?.[1] ?? 0) > 30);
});

test("the service comes to the same as its policy by itself", async () => {
  const size = { ...ROW_11, nodes: 60, joining: 18, capacity: 6, maxPulls: 30 };
  const model = rulesLines(size, [2078]);
  const service = await serviceLines(size, 2078);
  for (const line of ["mean", "last", "recommendedOnFirst"] as const) {
    const ratio = service[line] / model[line];
    assert.ok(ratio > 0.95 && ratio < 1.05, `${line}: ${service[line]} and ${model[line]}`);
  }
});

test("the simulation gives the same figures for the same seeds, however slow the machine is", ({ mock }) => {
  const size = { ...ROW_11, nodes: 10, joining: 3 };
  const table = policyTable(size, [1]);
  let time = 0;
  mock.method(performance, "now", () => {
    time += 10;
    return time;
  });
  assert.deepEqual(policyTable(size, [1]), table);
});
