import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { CHARTS_FILE, stateCharts } from "./state-charts.ts";

test("docs/state-charts.md has the charts of the machines as they are: npm run charts writes it", async () => {
  assert.equal(await readFile(CHARTS_FILE, "utf8"), stateCharts());
});
