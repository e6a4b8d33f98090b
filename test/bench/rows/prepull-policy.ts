import type { Lines } from "../prepull-policy/figures.ts";
import { minutes, NAMES } from "../prepull-policy/format.ts";
import { ROW_11 } from "../prepull-policy/scenario.ts";
import { policyTable } from "../prepull-policy/table.ts";
import { figure, type Measurement, type Row } from "../table.ts";

/** How many times as fast as the original each line is to be. */
const GOALS: Readonly<Record<keyof Lines, number>> = {
  mean: 1.1,
  median: 1.1,
  recommendedOnFirst: 0.95,
  recommendedEverywhere: 2,
  last: 0.95,
  joinersP99: 5,
};
const MAX_TO_BOUND = 1.05;
const CLOSE_TO_BOUND: readonly (keyof Lines)[] = ["mean", "recommendedOnFirst", "last"];

/**
 * Row 11: all policies in the same clusters, in virtual time, so that the same figures come out each time. A goal is met
 * where the median over the seeds meets it.
 */
export const measurePrepullPolicy: Measurement = () => {
  const { original, rules, bounds, rulesToOriginal, rulesToBound } = policyTable(ROW_11);
  const keys = Object.keys(GOALS).filter((key): key is keyof Lines => key in GOALS);
  const toOriginal = keys.map(
    (key): Row => ({
      number: 11,
      what: `prepulling: ${NAMES[key]}, in virtual time`,
      ours: minutes(rules[key]),
      against: `the original's policy in the same clusters: ${minutes(original[key])}`,
      ratio: `${figure(rulesToOriginal[key])} times as fast`,
      goal: `at least ${GOALS[key]} times`,
      met: rulesToOriginal[key] >= GOALS[key],
    }),
  );
  const toBound = CLOSE_TO_BOUND.map(
    (key): Row => ({
      number: 11,
      what: `the same: ${NAMES[key]}`,
      ours: minutes(rules[key]),
      against: `the bound: ${minutes(bounds[key])}`,
      ratio: `${figure(rulesToBound[key])} times as long`,
      goal: `at most ${MAX_TO_BOUND} times`,
      met: rulesToBound[key] <= MAX_TO_BOUND,
    }),
  );
  return Promise.resolve([...toOriginal, ...toBound]);
};
