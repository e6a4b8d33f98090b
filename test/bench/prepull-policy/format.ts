import { figure, formatColumns } from "../table.ts";
import { BOUNDS } from "./bounds.ts";
import type { Lines } from "./figures.ts";
import type { PolicyTable } from "./table.ts";

const MINUTE = 60_000;

/** What each line is. */
export const NAMES: Readonly<Record<keyof Lines, string>> = {
  mean: "mean over pairs",
  median: "median over pairs",
  recommendedOnFirst: "recommended on the first nodes",
  recommendedEverywhere: "recommended everywhere",
  last: "last pair",
  joinersP99: "joiners, 99th percentile",
};
const LINES = Object.keys(NAMES).filter((key): key is keyof Lines => key in NAMES);

/** One situation in full, as a table in Markdown. */
export function formatPolicyTable(table: PolicyTable): string {
  const { original, earlier, rules, bounds, earlierToOriginal, rulesToOriginal, rulesToBound, mostOnWire } = table;
  return formatColumns([
    [
      "line",
      "original",
      "earlier",
      "bound",
      "how it follows",
      "rules",
      "earlier to original",
      "rules to original",
      "rules to bound",
    ],
    ...LINES.map((key) => [
      NAMES[key],
      minutes(original[key]),
      minutes(earlier[key]),
      minutes(bounds[key]),
      BOUNDS[key],
      minutes(rules[key]),
      ratio(earlierToOriginal[key]),
      ratio(rulesToOriginal[key]),
      ratio(rulesToBound[key]),
    ]),
    [
      "most pulls on the wire",
      ...[mostOnWire.original, mostOnWire.earlier].map(String),
      "",
      "",
      String(mostOnWire.rules),
      "",
      "",
      "",
    ],
  ]);
}

/** One line a situation: times as fast as the original and as long as the bound. */
export function formatSituations(tables: ReadonlyMap<string, PolicyTable>): string {
  return formatColumns([
    ["situation", ...LINES.map((key) => NAMES[key]), "on the wire: earlier, rules"],
    ...[...tables].map(([name, { rulesToOriginal, rulesToBound, mostOnWire }]) => [
      name,
      ...LINES.map((key) => `${ratio(rulesToOriginal[key])} (${ratio(rulesToBound[key])})`),
      `${mostOnWire.earlier}, ${mostOnWire.rules}`,
    ]),
  ]);
}

/** Milliseconds in minutes. */
export function minutes(milliseconds: number): string {
  return Number.isNaN(milliseconds) ? "" : `${figure(milliseconds / MINUTE)} min`;
}

function ratio(value: number): string {
  return Number.isNaN(value) ? "-" : figure(value);
}
