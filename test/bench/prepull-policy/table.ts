import { arrivalsOf } from "./arrivals.ts";
import { figuresOf, type PolicyFigures, type PolicyRun } from "./figures.ts";
import { startOriginalPolicy } from "./original-policy.ts";
import { startOurPolicy } from "./our-policy.ts";
import { type Scenario, type ScenarioSize, scenario } from "./scenario.ts";
import { transfersOf } from "./transfers.ts";
import { virtualClock } from "./virtual-clock.ts";

/** How many times as fast ours is, over the seeds. */
export interface RatioRange {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

/** A figure of PolicyFigures that is a time: the less, the better. */
export type Timing = Exclude<keyof PolicyFigures, "pairs" | "mostAtOnce">;

/** Both policies in the same clusters (performance.md row 11): medians over the seeds, and the ratios of each seed. */
export interface PolicyTable {
  readonly original: PolicyFigures;
  readonly ours: PolicyFigures;
  readonly ratios: Readonly<Record<Timing, RatioRange>>;
}

/** The clusters of a table: one a seed, alike but for it. */
export interface PolicyTableSize extends Omit<ScenarioSize, "seed"> {
  readonly seeds: readonly number[];
}

/** Row 11: 200 nodes, and one more every minute for an hour. */
export const ROW_11: PolicyTableSize = {
  seeds: Array.from({ length: 20 }, (_, at) => 2077 + at),
  nodes: 200,
  joining: 60,
};

const TIMINGS: readonly Timing[] = [
  "median",
  "joinedP99",
  "recommendedEverywhere",
  "medianUnstuck",
  "joinedP99Unstuck",
  "recommendedEverywhereUnstuck",
  "recommendedOnFirstNodes",
  "last",
];
const LONGEST_RUN = 48 * 3_600_000;

/** Runs both policies in virtual time, once a seed: the same seeds give the same figures. */
export async function prepullPolicyTable({ seeds, ...size }: PolicyTableSize = ROW_11): Promise<PolicyTable> {
  const originals: PolicyFigures[] = [];
  const ours: PolicyFigures[] = [];
  for (const seed of seeds) {
    const cluster = scenario({ ...size, seed });
    const { joinedDuringRound, ...original } = await runOriginal(cluster);
    originals.push(figuresOf(cluster, original, joinedDuringRound));
    ours.push(figuresOf(cluster, await runOurs(cluster), joinedDuringRound));
  }
  const ratio = (key: Timing) => rangeOf(originals.map((figure, at) => figure[key] / (ours[at]?.[key] ?? Number.NaN)));
  return {
    original: mediansOf(originals),
    ours: mediansOf(ours),
    ratios: recordOf(TIMINGS, ratio),
  };
}

function recordOf<K extends string, V>(keys: readonly K[], figureOf: (key: K) => V): Readonly<Record<K, V>> {
  return Object.fromEntries(keys.map((key) => [key, figureOf(key)])) as Record<K, V>;
}

function mediansOf(runs: readonly PolicyFigures[]): PolicyFigures {
  return recordOf([...TIMINGS, "pairs", "mostAtOnce"], (key) => rangeOf(runs.map((run) => run[key])).median);
}

/** The lower of the two middle values is the median, so that it is one that has occurred. */
function rangeOf(numbers: readonly number[]): RatioRange {
  const sorted = [...numbers].sort((a, b) => a - b);
  const at = (index: number) => sorted[index] ?? Number.NaN;
  return { median: at((sorted.length - 1) >> 1), least: at(0), most: at(sorted.length - 1) };
}

async function runOriginal(cluster: Scenario): Promise<PolicyRun & { joinedDuringRound: ReadonlySet<string> }> {
  const clock = virtualClock();
  const transfers = transfersOf(cluster, clock);
  const arrivals = arrivalsOf(cluster, clock, (node) => run.joined(node));
  const run = startOriginalPolicy(cluster, clock, transfers, arrivals);
  await clock.run(LONGEST_RUN, () => arrivals.isComplete());
  if (!arrivals.isComplete()) throw new Error("the original's policy has not brought every image everywhere");
  return { waits: arrivals.waits, mostAtOnce: transfers.mostAtOnce, joinedDuringRound: run.joinedDuringRound };
}

async function runOurs(cluster: Scenario): Promise<PolicyRun> {
  const clock = virtualClock();
  const transfers = transfersOf(cluster, clock);
  const arrivals = arrivalsOf(cluster, clock, (node) => run.joined(node));
  const run = startOurPolicy(cluster, clock, transfers, arrivals);
  await clock.run(LONGEST_RUN, () => arrivals.isComplete(), run.isRefreshing);
  run.stop();
  if (!arrivals.isComplete()) throw new Error("our policy has not brought every image everywhere");
  return { waits: arrivals.waits, mostAtOnce: transfers.mostAtOnce };
}
