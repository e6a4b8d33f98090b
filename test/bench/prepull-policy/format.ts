import { figure, formatColumns } from "../table.ts";
import { BASE } from "./scenario.ts";
import { type PolicyTable, type PolicyTableSize, prepullPolicyTable, type RatioRange, type Timing } from "./table.ts";

const MINUTE = 60_000;
const GIGABITS = [1, 2.5, 10];
const TIMEOUTS = [10, 30];
const CAPS = [10, 20, 25, 40];

/** What each figure is, for people. */
const NAMES: Readonly<Record<Timing, string>> = {
  median: "median over all pairs of node and image",
  joinedP99: "99th percentile, nodes that joined during a round",
  recommendedEverywhere: "the recommended image everywhere",
  medianUnstuck: "median, without the stuck nodes",
  joinedP99Unstuck: "99th percentile, without the stuck nodes",
  recommendedEverywhereUnstuck: "recommended everywhere, without the stuck nodes",
  recommendedOnFirstNodes: "the same on the first 200 nodes alone",
  last: "the last pair",
};
const FIGURES = Object.keys(NAMES) as readonly Timing[];

/** Both policies at row 11's own values, as text. */
export function formatPolicyTable({ original, ours, ratios }: PolicyTable): string {
  return formatColumns([
    ["until an image is on a node", "original", "ours", "times as fast (least to most)"],
    ...FIGURES.map((key) => [NAMES[key], minutes(original[key]), minutes(ours[key]), ratioText(ratios[key])]),
    ["most pulls at once", String(original.mostAtOnce), String(ours.mostAtOnce), ""],
  ]);
}

/** How the ratios move with what row 11 leaves open. */
export async function policySensitivity(size: PolicyTableSize): Promise<string> {
  const lines = [["Gbit/s, time-out, cap", ...SHOWN.map((key) => NAMES[key])]];
  for (const free of freeValues()) {
    const { ratios } = await prepullPolicyTable({ ...size, ...free });
    const { gigabits, timeoutMinutes, mostPulls } = free;
    lines.push([`${gigabits}, ${timeoutMinutes} min, ${mostPulls}`, ...SHOWN.map((key) => ratioText(ratios[key]))]);
  }
  return formatColumns(lines);
}

const SHOWN: readonly Timing[] = [
  "median",
  "joinedP99",
  "joinedP99Unstuck",
  "recommendedEverywhere",
  "recommendedEverywhereUnstuck",
];

function freeValues(): readonly (typeof BASE)[] {
  const links = GIGABITS.flatMap((gigabits) =>
    TIMEOUTS.map((timeoutMinutes) => ({ ...BASE, gigabits, timeoutMinutes })),
  );
  return [...links, ...CAPS.filter((cap) => cap !== BASE.mostPulls).map((mostPulls) => ({ ...BASE, mostPulls }))];
}

/** Milliseconds in minutes. */
export function minutes(milliseconds: number): string {
  return `${(milliseconds / MINUTE).toFixed(1)} min`;
}

/** A ratio with its range over the seeds. */
export function ratioText({ median, least, most }: RatioRange): string {
  return `${figure(median)} (${figure(least)} to ${figure(most)})`;
}
