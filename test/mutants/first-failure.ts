import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type Mutant, mutantVariable } from "./mutant.ts";

const PRELOAD = join(import.meta.dirname, "mutant.ts");

/** Longest time of one test, milliseconds: a transition that is missing often shows as something that never comes. */
const TEST_TIMEOUT = 15_000;
/** Longest time of one file: what turns in a circle hears of no time-out. */
const FILE_TIMEOUT = 60_000;
/** Files that are run at the same time: most of their time they wait. */
const AT_ONCE = 2;

/** A test that has failed. */
export interface Failure {
  readonly test: string;
  readonly file: string;
}

/** Runs the files with the mutant (null: with the machines as they are) until a test fails; null where all pass. */
export async function firstFailure(mutant: Mutant | null, files: readonly string[]): Promise<Failure | null> {
  const waiting = [...files];
  const enough = new AbortController();
  const failures: Failure[] = [];
  async function work(): Promise<void> {
    for (let file = waiting.shift(); file !== undefined && !enough.signal.aborted; file = waiting.shift()) {
      const test = await failureIn(file, mutant, enough.signal);
      if (test === null || enough.signal.aborted) continue;
      failures.push({ test, file });
      enough.abort();
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return failures[0] ?? null;
}

/** The first test of the file that fails, or null. The file's process is ended at once then, whatever it is doing. */
async function failureIn(file: string, mutant: Mutant | null, signal: AbortSignal): Promise<string | null> {
  const flags = ["--test", "--test-isolation=none", "--test-reporter=tap", `--test-timeout=${TEST_TIMEOUT}`];
  const child = spawn(process.execPath, [...flags, "--conditions=development", "--import", PRELOAD, file], {
    env: { ...process.env, ...mutantVariable(mutant) },
    stdio: ["ignore", "pipe", "ignore"],
  });
  const exited = once(child, "exit");
  let failed: string | null = null;
  const end = (why: string | null): void => {
    failed ??= why;
    child.kill("SIGKILL");
  };
  const onAbort = (): void => end(null);
  signal.addEventListener("abort", onAbort);
  const timer = setTimeout(() => end("the tests never end"), FILE_TIMEOUT);
  // A test is told before the suites around it, which fail because of it.
  createInterface({ input: child.stdout }).on("line", (line) => {
    const test = /^\s*not ok \d+ - (.*)$/.exec(line)?.[1];
    if (test !== undefined) end(test);
  });
  const [status]: unknown[] = await exited;
  clearTimeout(timer);
  signal.removeEventListener("abort", onAbort);
  return failed ?? (status === 0 || signal.aborted ? null : "the file fails as a whole");
}
