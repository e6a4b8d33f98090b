/** How much of each part of the sources the tests have to run, in percent of lines and of branches. */
const LIMITS: readonly { readonly prefix: string; readonly percent: number }[] = [
  { prefix: "src/domain/", percent: 95 },
  { prefix: "src/machines/", percent: 95 },
  { prefix: "src/", percent: 90 },
];

interface Tally {
  lines: number;
  linesRun: number;
  branches: number;
  branchesRun: number;
}

/**
 * What of a coverage report in lcov's format lies below the limits: a line each, empty where all is well. Each file
 * counts for the first limit that its path fits; a limit that no file fits is a shortfall too.
 */
export function coverageShortfalls(report: string): readonly string[] {
  const tallies = new Map(LIMITS.map(({ prefix }) => [prefix, { lines: 0, linesRun: 0, branches: 0, branchesRun: 0 }]));
  let current: Tally | undefined;
  for (const line of report.split("\n")) {
    const [key, value = ""] = line.split(":", 2);
    if (key === "SF") {
      const limit = LIMITS.find(({ prefix }) => value.startsWith(prefix));
      current = limit === undefined ? undefined : tallies.get(limit.prefix);
    }
    if (current !== undefined) count(current, key ?? "", Number(value));
  }
  return LIMITS.flatMap(({ prefix, percent }) => shortfallsOf(prefix, percent, tallies.get(prefix)));
}

function count(tally: Tally, key: string, value: number): void {
  if (key === "LF") tally.lines += value;
  if (key === "LH") tally.linesRun += value;
  if (key === "BRF") tally.branches += value;
  if (key === "BRH") tally.branchesRun += value;
}

function shortfallsOf(prefix: string, percent: number, tally: Tally | undefined): readonly string[] {
  if (tally === undefined || tally.lines === 0) return [`coverage: the report has no file of ${prefix}`];
  const lines = (100 * tally.linesRun) / tally.lines;
  const branches = tally.branches === 0 ? 100 : (100 * tally.branchesRun) / tally.branches;
  const told = `coverage of ${prefix}: ${lines.toFixed(1)} % of lines, ${branches.toFixed(1)} % of branches`;
  return lines < percent || branches < percent ? [`${told}; ${percent} % are needed`] : [];
}
