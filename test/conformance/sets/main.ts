/**
 * Runs the cases of sources, schemes and sets: `node test/conformance/sets/main.ts [DIR]`. Without DIR those that are
 * committed here. Prints each failing case with its first difference, and at last `N passed, N failed`. Exits 1 when any
 * failed, or when nothing ran.
 */
import { join } from "node:path";
import { runDirectory } from "../run-directory.ts";
import { planRunner } from "./plan-runner.ts";

const directory = process.argv[2] ?? join(import.meta.dirname, "cases");
const { passed, failed } = await runDirectory(
  directory,
  () => planRunner,
  (line) => process.stdout.write(`${line}\n`),
);
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
