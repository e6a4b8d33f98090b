import { type Arrivals, arrivalsOf, type Wait } from "./arrivals.ts";
import { startOriginalPolicy } from "./original-policy.ts";
import { MOST_PULLS, startOurPolicy } from "./our-policy.ts";
import { type Scenario, scenario } from "./scenario.ts";
import { transfersOf } from "./transfers.ts";
import { virtualClock } from "./virtual-clock.ts";

/** What one policy has come to; times in milliseconds of virtual time, counted from when each node was there. */
export interface PolicyFigures {
  /** Over all pairs of node and image. */
  readonly median: number;
  /** The 99th percentile over the pairs of the nodes that joined later. */
  readonly joinedP99: number;
  /** Until the last node has the recommended image, without those that were stuck: they cannot have it sooner. */
  readonly recommendedEverywhere: number;
  /** The same with the nodes that were stuck. */
  readonly recommendedOnStuckToo: number;
  /** Until the last pair is done. */
  readonly last: number;
  readonly pairs: number;
  readonly mostAtOnce: number;
}

type Ratio = "median" | "joinedP99" | "recommendedEverywhere" | "recommendedOnStuckToo";

/** Both policies in the same clusters (performance.md row 11), and how many times as fast ours is. */
export interface PolicyTable {
  readonly original: PolicyFigures;
  readonly ours: PolicyFigures;
  readonly ratios: Readonly<Record<Ratio, number>>;
}

/** Row 11: 200 nodes, and one more every minute for an hour. */
export const ROW_11 = { seeds: [2077, 2078, 2079, 2080, 2081], nodes: 200, joining: 60 };

const LONGEST_RUN = 48 * 3_600_000;

/** Runs both policies in virtual time, once a seed, and gives the medians: the same seeds give the same figures. */
export async function prepullPolicyTable({ seeds, nodes, joining } = ROW_11): Promise<PolicyTable> {
  const originals: PolicyFigures[] = [];
  const ours: PolicyFigures[] = [];
  for (const seed of seeds) {
    const cluster = scenario({ seed, nodes, joining });
    originals.push(await runOriginal(cluster));
    ours.push(await runOurs(cluster, Math.max(2, Math.round((MOST_PULLS * nodes) / 200))));
  }
  const ratio = (key: Ratio) => medianOf(originals.map((figure, at) => figure[key] / (ours[at]?.[key] ?? Number.NaN)));
  return {
    original: mediansOf(originals),
    ours: mediansOf(ours),
    ratios: {
      median: ratio("median"),
      joinedP99: ratio("joinedP99"),
      recommendedEverywhere: ratio("recommendedEverywhere"),
      recommendedOnStuckToo: ratio("recommendedOnStuckToo"),
    },
  };
}

function mediansOf(runs: readonly PolicyFigures[]): PolicyFigures {
  const of = (key: keyof PolicyFigures) => medianOf(runs.map((run) => run[key]));
  return {
    median: of("median"),
    joinedP99: of("joinedP99"),
    recommendedEverywhere: of("recommendedEverywhere"),
    recommendedOnStuckToo: of("recommendedOnStuckToo"),
    last: of("last"),
    pairs: of("pairs"),
    mostAtOnce: of("mostAtOnce"),
  };
}

function medianOf(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[(numbers.length - 1) >> 1] ?? Number.NaN;
}

async function runOriginal(cluster: Scenario): Promise<PolicyFigures> {
  const clock = virtualClock();
  const transfers = transfersOf(cluster, clock);
  const arrivals = arrivalsOf(cluster, clock, () => undefined);
  startOriginalPolicy(cluster, clock, transfers, arrivals);
  await clock.run(LONGEST_RUN, () => arrivals.isComplete());
  return figures(cluster, arrivals, transfers.mostAtOnce);
}

async function runOurs(cluster: Scenario, mostPulls: number): Promise<PolicyFigures> {
  const clock = virtualClock();
  const transfers = transfersOf(cluster, clock);
  const arrivals = arrivalsOf(cluster, clock, (node) => run.joined(node));
  const run = startOurPolicy(cluster, clock, transfers, arrivals, mostPulls);
  await clock.run(LONGEST_RUN, () => arrivals.isComplete());
  run.stop();
  return figures(cluster, arrivals, transfers.mostAtOnce);
}

function figures({ images, stuck }: Scenario, { waits, isComplete }: Arrivals, mostAtOnce: number): PolicyFigures {
  if (!isComplete()) throw new Error("not every image has arrived everywhere");
  const recommended = waits.filter(({ digest }) => digest === images[0]?.digest);
  return {
    median: percentile(waits, 0.5),
    joinedP99: percentile(
      waits.filter(({ joined }) => joined),
      0.99,
    ),
    recommendedEverywhere: percentile(
      recommended.filter(({ node }) => !stuck.has(node)),
      1,
    ),
    recommendedOnStuckToo: percentile(recommended, 1),
    last: percentile(waits, 1),
    pairs: waits.length,
    mostAtOnce,
  };
}

function percentile(waits: readonly Wait[], part: number): number {
  const sorted = waits.map(({ milliseconds }) => milliseconds).sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)] ?? Number.NaN;
}

/** The table as text, for people. */
export function formatPolicyTable({ original, ours, ratios }: PolicyTable): string {
  const minutes = (milliseconds: number) => `${(milliseconds / 60_000).toFixed(1)} min`;
  const row = (name: string, key: Ratio, goal: string) =>
    `| ${name} | ${minutes(original[key])} | ${minutes(ours[key])} | ${ratios[key].toFixed(2)} | ${goal} |`;
  return [
    "| until an image is on a node | original | ours | times as fast | goal |",
    "| --- | --- | --- | --- | --- |",
    row("median over all pairs", "median", "1"),
    row("p99, nodes that joined during a round", "joinedP99", "5"),
    row("recommended image everywhere", "recommendedEverywhere", "2"),
    row("the same, with the nodes that were stuck for 10 min", "recommendedOnStuckToo", ""),
    `| the last of ${ours.pairs} pairs | ${minutes(original.last)} | ${minutes(ours.last)} | ${(original.last / ours.last).toFixed(2)} | |`,
    `| most pulls at once | ${original.mostAtOnce} | ${ours.mostAtOnce} | | |`,
  ].join("\n");
}
