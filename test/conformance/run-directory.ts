import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { inspect } from "node:util";
import { z } from "zod";
import { firstDifference } from "./difference.ts";

/** Computes what a case expects, from the case (with `expected`, which it leaves alone); a promise is waited for. */
export type CaseRunner = (testCase: unknown) => unknown;

/** How many cases did what they were expected to. */
export interface Tally {
  passed: number;
  failed: number;
}

const CASE_FILE = z
  .object({
    /** What the cases are about: `file` or `family`. */
    file: z.string().optional(),
    family: z.string().optional(),
    count: z.int(),
    cases: z.array(z.looseObject({ id: z.string(), expected: z.unknown() })),
  })
  .transform(({ file, family, ...rest }) => ({ ...rest, file: file ?? family ?? "" }));
type CaseFile = z.infer<typeof CASE_FILE>;

/**
 * Runs every case of every JSON file of a directory. Writes a line for each failure; one more counts as failed for a file
 * that cannot be read, and all cases (at least one) of a file without runner.
 */
export async function runDirectory(
  directory: string,
  runnerOf: (file: string) => CaseRunner | undefined,
  write: (line: string) => void,
): Promise<Tally> {
  const tally = { passed: 0, failed: 0 };
  const names = (await readdir(directory)).filter((name) => name.endsWith(".json")).sort();
  for (const name of names) {
    const file = CASE_FILE.safeParse(parseJson(await readFile(join(directory, name), "utf8")));
    if (!file.success || file.data.count !== file.data.cases.length) {
      write(`${name}: not a file of cases, or not as many as it says`);
      tally.failed++;
    } else {
      await runFile(file.data, runnerOf(file.data.file), write, tally);
    }
  }
  return tally;
}

async function runFile(
  { file, cases }: CaseFile,
  runner: CaseRunner | undefined,
  write: (line: string) => void,
  tally: Tally,
): Promise<void> {
  if (runner === undefined) {
    write(`${file}: no runner`);
    tally.failed += Math.max(1, cases.length);
    return;
  }
  for (const testCase of cases) {
    const failure = await runCase(testCase, runner);
    if (failure === null) {
      tally.passed++;
    } else {
      write(`${testCase.id}: ${failure}`);
      tally.failed++;
    }
  }
}

/** What is wrong, in one line, or null. */
async function runCase(testCase: CaseFile["cases"][number], runner: CaseRunner): Promise<string | null> {
  try {
    const difference = firstDifference(testCase.expected, await runner(testCase));
    if (difference === null) return null;
    return `${difference.path}: expected ${show(difference.expected)}, actual ${show(difference.actual)}`;
  } catch (error) {
    return `threw ${show(error)}`;
  }
}

function show(value: unknown): string {
  return inspect(value, { depth: 4, breakLength: Number.POSITIVE_INFINITY, maxStringLength: 500 });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // Which is no file of cases.
  }
}
