import type { WorldSize } from "../content.ts";
import { buildWhole, rawWorld } from "../domain-world.ts";
import { median, timed } from "../measure.ts";
import { figure, formatColumns, type Measurement, ms, type Row } from "../table.ts";
import { memoryOf } from "./memory.ts";
import { changeCost } from "./node-change.ts";

const SIZES: readonly WorldSize[] = [
  { tags: 1_000, nodes: 100, imagesPerNode: 50 },
  { tags: 5_000, nodes: 500, imagesPerNode: 50 },
  { tags: 20_000, nodes: 1_000, imagesPerNode: 50 },
  { tags: 20_000, nodes: 5_000, imagesPerNode: 50 },
];
const BUILDS = 7;
/** So much above linear is the noise of the machine. */
const TOLERANCE = 1.25;

interface Costs {
  readonly size: WorldSize;
  readonly build: number;
  readonly change: number;
  readonly memory: number;
}

/** Row 12: prints a table of its own, and sums it up in a row for each figure. */
export const measureGrowth: Measurement = async () => {
  const costs: Costs[] = [];
  const nothing = await memoryOf({ tags: 1, nodes: 0, imagesPerNode: 0 });
  for (const size of SIZES) {
    const memory = (await memoryOf(size)).resident - nothing.resident;
    costs.push({ size, build: buildCost(size), change: changeCost(size, BUILDS).change, memory });
  }
  process.stdout.write(`\n${formatColumns([HEADINGS, ...costs.map(cellsOf)])}`);
  return [
    sumUp("building a snapshot (row 4)", costs, ({ build }) => build),
    sumUp("one node changes (row 5)", costs, ({ change }) => change),
    sumUp("memory (row 7)", costs, ({ memory }) => memory),
  ];
};

const HEADINGS = ["tags", "nodes", "build (docker)", "one node changes", "memory above nothing loaded"];

function cellsOf({ size, build, change, memory }: Costs): readonly string[] {
  const counts = [size.tags, size.nodes].map((count) => count.toLocaleString("en-US"));
  return [...counts, ms(build), ms(change), `${figure(memory)} MB`];
}

function buildCost(size: WorldSize): number {
  const raw = rawWorld("docker", size);
  const figures = Array.from({ length: BUILDS + 3 }, () => timed(() => buildWhole(raw)));
  return median(figures.slice(3));
}

/** From the smallest world to the largest one: by how much the cost grows, and by how much tags and nodes do. */
function sumUp(what: string, costs: readonly Costs[], of: (costs: Costs) => number): Row {
  const [first] = costs;
  const last = costs.at(-1);
  if (first === undefined || last === undefined) throw new TypeError("nothing was measured");
  const growth = of(last) / of(first);
  const linear = Math.max(last.size.tags / first.size.tags, last.size.nodes / first.size.nodes);
  return {
    number: 12,
    what: `growth of ${what}`,
    ours: `${figure(growth)} times`,
    against: `tags: ${last.size.tags / first.size.tags} times, nodes: ${last.size.nodes / first.size.nodes} times`,
    ratio: figure(growth / linear),
    goal: "linear or better",
    met: growth <= linear * TOLERANCE,
  };
}
