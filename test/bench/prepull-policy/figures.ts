import type { Wait } from "./arrivals.ts";
import type { Scenario } from "./scenario.ts";

/** What one policy has come to in one cluster. Times are milliseconds of virtual time since each node was there. */
export interface PolicyFigures {
  /** Over all pairs of node and image. */
  readonly median: number;
  /** The 99th percentile over the pairs of the nodes that joined while the original was in a round. */
  readonly joinedP99: number;
  /** Until the last node has the recommended image. */
  readonly recommendedEverywhere: number;
  /** The same three without the nodes that were stuck. */
  readonly medianUnstuck: number;
  readonly joinedP99Unstuck: number;
  readonly recommendedEverywhereUnstuck: number;
  /** Until the last of the nodes that were there from the start has it, without those that were stuck. */
  readonly recommendedOnFirstNodes: number;
  /** Until the last pair is done. */
  readonly last: number;
  readonly pairs: number;
  readonly mostAtOnce: number;
}

/** How a run has gone: which images took how long to come, and what was under way. */
export interface PolicyRun {
  readonly waits: readonly Wait[];
  readonly mostAtOnce: number;
}

/** The figures of a run; the nodes that joined during a round are those of the original's run, for both policies. */
export function figuresOf(
  { images, stuck }: Scenario,
  { waits, mostAtOnce }: PolicyRun,
  joinedDuringRound: ReadonlySet<string>,
): PolicyFigures {
  const unstuck = waits.filter(({ node }) => !stuck.has(node));
  const duringRound = (from: readonly Wait[]) => from.filter(({ node }) => joinedDuringRound.has(node));
  const recommended = (from: readonly Wait[]) => from.filter(({ digest }) => digest === images[0]?.digest);
  return {
    median: percentile(waits, 0.5),
    joinedP99: percentile(duringRound(waits), 0.99),
    recommendedEverywhere: percentile(recommended(waits), 1),
    medianUnstuck: percentile(unstuck, 0.5),
    joinedP99Unstuck: percentile(duringRound(unstuck), 0.99),
    recommendedEverywhereUnstuck: percentile(recommended(unstuck), 1),
    recommendedOnFirstNodes: percentile(
      recommended(unstuck).filter(({ joined }) => !joined),
      1,
    ),
    last: percentile(waits, 1),
    pairs: waits.length,
    mostAtOnce,
  };
}

function percentile(waits: readonly Wait[], part: number): number {
  const sorted = waits.map(({ milliseconds }) => milliseconds).sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)] ?? Number.NaN;
}
