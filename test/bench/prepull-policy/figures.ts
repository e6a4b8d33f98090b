import type { Wait } from "./arrivals.ts";
import type { Scenario } from "./scenario.ts";

/**
 * What one policy has come to in one cluster, on the nodes that were not stuck: no policy can bring anything to the others
 * sooner. Milliseconds of virtual time since each node was there.
 */
export interface Lines {
  /** Over all pairs of node and image. */
  readonly mean: number;
  readonly median: number;
  /** Until the last of the nodes that were there from the start has the recommended image. */
  readonly recommendedOnFirst: number;
  /** Until the last node has it. */
  readonly recommendedEverywhere: number;
  /** Until the last pair is done. */
  readonly last: number;
  /** The 99th percentile over the pairs of the nodes that joined while the original was in a round. */
  readonly joinersP99: number;
}

/** The figures of a run; the nodes that joined during a round are those of the original's run, for all policies. */
export function linesOf(
  { images, stuck }: Scenario,
  waits: readonly Wait[],
  joinedDuringRound: ReadonlySet<string>,
): Lines {
  const unstuck = waits.filter(({ node }) => !stuck.has(node));
  const all = unstuck.map(({ milliseconds }) => milliseconds);
  const recommended = unstuck.filter(({ digest }) => digest === images[0]?.digest);
  const waitsOf = (from: readonly Wait[]) => from.map(({ milliseconds }) => milliseconds);
  return {
    mean: all.reduce((sum, wait) => sum + wait, 0) / all.length,
    median: percentile(all, 0.5),
    recommendedOnFirst: percentile(waitsOf(recommended.filter(({ joined }) => !joined)), 1),
    recommendedEverywhere: percentile(waitsOf(recommended), 1),
    last: percentile(all, 1),
    joinersP99: percentile(waitsOf(unstuck.filter(({ node }) => joinedDuringRound.has(node))), 0.99),
  };
}

/** The smallest number that so large a part of them does not exceed; NaN where there are none. */
export function percentile(numbers: readonly number[], part: number): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)] ?? Number.NaN;
}
