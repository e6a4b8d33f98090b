/**
 * `npm run bench`: measures what docs/performance.md sets as goals, and prints each figure with what it was compared with.
 * Rows may be chosen by their numbers: `node test/bench/main.ts 4 5`. `--streams=10000` makes row 8 larger. Nothing
 * fails by the clock: the exit status is 0 unless a measurement broke.
 */
import { measureBuild } from "./rows/build.ts";
import { measureCalls, measureLists } from "./rows/calls.ts";
import { measureFreshness } from "./rows/freshness.ts";
import { measureGrowth } from "./rows/growth.ts";
import { measureJson } from "./rows/json.ts";
import { measureLoop } from "./rows/loop.ts";
import { measureMemory } from "./rows/memory.ts";
import { measureNodeChange } from "./rows/node-change.ts";
import { measurePrepullPolicy } from "./rows/prepull-policy.ts";
import { measureRegistryRequests } from "./rows/registry-requests.ts";
import { measureWatch } from "./rows/watch.ts";
import { formatTable, type Measurement, type Row } from "./table.ts";

const MEASUREMENTS: ReadonlyMap<number, Measurement> = new Map([
  [1, measureCalls],
  [2, measureLists],
  [3, measureJson],
  [4, measureBuild],
  [5, measureNodeChange],
  [6, measureLoop],
  [7, measureMemory],
  [8, measureWatch],
  [9, measureRegistryRequests],
  [10, measureFreshness],
  [11, measurePrepullPolicy],
  [12, measureGrowth],
]);

/** Streams of row 8 unless the command line says otherwise. */
const STREAMS = 2_000;

async function run(chosen: readonly number[], streams: number): Promise<void> {
  const rows: Row[] = [];
  for (const number of chosen) {
    const started = performance.now();
    process.stderr.write(`row ${number} ...`);
    try {
      rows.push(...((await MEASUREMENTS.get(number)?.({ streams })) ?? []));
    } catch (error) {
      process.exitCode = 1;
      process.stderr.write(`\n${error instanceof Error ? String(error.stack) : String(error)}\n`);
      rows.push({ number, what: "could not be measured", ours: "", against: "", ratio: "", goal: "", met: null });
    }
    process.stderr.write(` ${((performance.now() - started) / 1_000).toFixed(0)} s\n`);
  }
  process.stdout.write(`\n${formatTable(rows)}`);
}

const words = process.argv.slice(2);
const streams = words.find((word) => word.startsWith("--streams="))?.slice("--streams=".length);
const numbers = words.filter((word) => MEASUREMENTS.has(Number(word))).map(Number);
await run(numbers.length === 0 ? [...MEASUREMENTS.keys()] : numbers, Number(streams ?? STREAMS));
