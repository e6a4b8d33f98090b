/**
 * Takes every transition out of every machine, one at a time, and runs the end-to-end tests that go through gRPC each
 * time: one of them has to fail. Arguments: the beginnings of the names of the transitions to look at, such as
 * `waitGate` or `prepuller working.on` (all unless given). Exit status 1 where a transition is missed by nobody.
 */
import { glob } from "node:fs/promises";
import { basename, join } from "node:path";
import { firstFailure } from "./first-failure.ts";
import { type Mutant, nameOf } from "./mutant.ts";
import { transitionPaths } from "./transition-paths.ts";

const ROOT = join(import.meta.dirname, "../..");

/**
 * The tests that ask over gRPC, in the order in which they are run: those that take least and find most first. The
 * others start processes of their own, which outlive a run that is broken off.
 */
const SUITES = [
  "wait-for-refresh",
  "start",
  "marks",
  "refresh",
  "prepulling",
  "prepull-work",
  "prepull-supervision",
  "prepull-leading",
  "prepull",
  "supervision",
  "nodes",
  "cluster-faults",
  "registry-doubts",
  "paging",
  "answers",
].map((name) => join(ROOT, `test/e2e/${name}.test.ts`));

/** Machines of which the tests of the prepuller find most. */
const PREPULLING: ReadonlySet<string> = new Set(["prepuller", "nodePrepull"]);

/** Transitions that make no difference to anybody, by the name that `nameOf` gives, with the reason. */
const EQUIVALENT: ReadonlyMap<string, string> = new Map();

/** Runs after which a failure that does not come again is taken for the machine's and not for the mutant's. */
const MOST_RUNS = 3;

const beginnings = process.argv.slice(2);
const unchanged = await firstFailure(null, SUITES);
if (unchanged !== null) throw new Error(`the tests fail without any change: ${unchanged.test}`);
const survivors: string[] = [];
let tried = 0;
for (const mutant of await allMutants()) {
  const name = nameOf(mutant);
  if (beginnings.length > 0 && !beginnings.some((beginning) => name.startsWith(beginning))) continue;
  const reason = EQUIVALENT.get(name);
  if (reason !== undefined) {
    tell(`EQUIVALENT ${name}: ${reason}`);
    continue;
  }
  tried += 1;
  const begun = performance.now();
  const test = await noticedBy(mutant);
  const seconds = ((performance.now() - begun) / 1_000).toFixed(1);
  tell(test === null ? `SURVIVED   ${name} (${seconds} s)` : `noticed    ${name} (${seconds} s): ${test}`);
  if (test === null) survivors.push(name);
}
tell(`${tried} transitions taken out, ${survivors.length} of them unnoticed`);
process.exitCode = survivors.length === 0 && tried > 0 ? 0 : 1;

/** Every transition of every machine that a file of src/machines exports. */
async function allMutants(): Promise<readonly Mutant[]> {
  const found = new Map<string, readonly Mutant[]>();
  for await (const file of glob(join(ROOT, "src/machines/**/*.ts"))) {
    const exported: Readonly<Record<string, unknown>> = await import(file);
    for (const machine of Object.values(exported)) {
      if (!isMachine(machine)) continue;
      const { id, config } = machine;
      found.set(
        id,
        transitionPaths(config).map((path) => ({ machine: id, path })),
      );
    }
  }
  return [...found.values()].flat();
}

function isMachine(
  value: unknown,
): value is { readonly id: string; readonly config: Readonly<Record<string, unknown>> } {
  return typeof value === "object" && value !== null && "config" in value && "implementations" in value;
}

/** The test that notices the mutant: it fails, and its suite by itself fails once more. Null where none does. */
async function noticedBy(mutant: Mutant): Promise<string | null> {
  for (let runs = 0; runs < MOST_RUNS; runs++) {
    const failure = await firstFailure(mutant, suitesFor(mutant));
    if (failure === null) return null;
    const again = await firstFailure(mutant, [failure.file]);
    if (again !== null) return again.test;
  }
  return null;
}

function suitesFor({ machine }: Mutant): readonly string[] {
  if (!PREPULLING.has(machine)) return SUITES;
  const isFirst = (suite: string) => basename(suite).startsWith("prepull");
  return [...SUITES.filter(isFirst), ...SUITES.filter((suite) => !isFirst(suite))];
}

function tell(line: string): void {
  process.stdout.write(`${line}\n`);
}
