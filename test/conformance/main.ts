/**
 * Runs the conformance cases: `node test/conformance/main.ts [DIR]`. Without DIR those that are committed here. Prints
 * each failing case with its first difference, and at last `N passed, N failed`. Exits 1 when any failed, when a file has
 * no runner, or when nothing ran.
 */
import { join } from "node:path";
import { runDirectory } from "./run-directory.ts";
import { RUNNERS } from "./runners.ts";

const directory = process.argv[2] ?? join(import.meta.dirname, "cases");
const { passed, failed } = await runDirectory(
  directory,
  (file) => RUNNERS[file],
  (line) => process.stdout.write(`${line}\n`),
);
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
