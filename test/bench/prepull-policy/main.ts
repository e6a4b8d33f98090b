/**
 * Prints row 11 of docs/performance.md and its situations: `node test/bench/prepull-policy/main.ts`. With `--seeds 5` over
 * fewer clusters; with words, only the situations whose names have one of them.
 */
import { parseArgs } from "node:util";
import { formatPolicyTable, formatSituations } from "./format.ts";
import { ROW_11 } from "./scenario.ts";
import { SITUATIONS, situation } from "./situations.ts";
import { policyTable, SEEDS } from "./table.ts";

const { values, positionals } = parseArgs({
  options: { seeds: { type: "string", default: String(SEEDS.length) } },
  allowPositionals: true,
});
const seeds = SEEDS.slice(0, Number(values.seeds));
const names = Object.keys(SITUATIONS).filter(
  (name) => positionals.length === 0 || positionals.some((word) => name.includes(word)),
);
if (positionals.length === 0) process.stdout.write(`${formatPolicyTable(policyTable(ROW_11, seeds))}\n`);
process.stdout.write(formatSituations(new Map(names.map((name) => [name, policyTable(situation(name), seeds)]))));
