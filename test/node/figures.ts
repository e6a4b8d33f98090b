import { appendFile } from "node:fs/promises";
import type { TestContext } from "node:test";

/** Path of a file outside of the repository, to which each run appends its figures; without it none are kept. */
const FILE_VARIABLE = "LAB_IMAGES_FIGURES";

/** What was measured on real nodes, in ms. */
export interface Summary {
  readonly count: number;
  readonly median: number;
  readonly worst: number;
}

/** Reports times, in ms, in the output of their test, and appends them to the file that the environment names. */
export async function recordFigures(context: TestContext, what: string, ...times: readonly number[]): Promise<void> {
  context.diagnostic(`${what}: ${describeSummary(summarize(times))}`);
  const path = process.env[FILE_VARIABLE];
  if (path === undefined || path === "") return;
  // One write for all: other runs may append to the same file.
  await appendFile(path, times.map((ms) => `${what}\t${Math.round(ms)}\n`).join(""));
}

/** Returns the summary of each figure of such a file, by what was measured. */
export function summarizeFigures(text: string): ReadonlyMap<string, Summary> {
  const lines = text.split("\n").filter((line) => line.includes("\t"));
  const times = Map.groupBy(lines, (line) => line.split("\t")[0] ?? "");
  return new Map([...times].map(([what, all]) => [what, summarize(all.map((line) => Number(line.split("\t")[1])))]));
}

export function describeSummary({ count, median, worst }: Summary): string {
  return count === 1 ? `${worst} ms` : `median ${median} ms, worst ${worst} ms of ${count}`;
}

function summarize(times: readonly number[]): Summary {
  const sorted = times.toSorted((one, other) => one - other);
  const at = (index: number) => Math.round(sorted[index] ?? Number.NaN);
  return { count: sorted.length, median: at(Math.floor(sorted.length / 2)), worst: at(sorted.length - 1) };
}
