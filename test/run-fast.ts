/**
 * Runs every test that needs nothing but this package, with coverage, and holds the coverage to its limits. Suites that
 * need real servers have scripts of their own.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { coverageShortfalls } from "./support/coverage-gate.ts";

const REPORT = join(import.meta.dirname, "../coverage/lcov.info");
const SLOW_SUITES = ["cluster", "node", "registry-real", "scale", "bench", "mutants", "memory"];
const PATTERN = `test/!(${SLOW_SUITES.join("|")})/**/*.test.ts`;
/** Types alone, generated code, and what the demo plays: none of it is run by a test for its own sake. */
const NOT_MEASURED = ["src/grpc/gen/**", "src/ports.ts", "test/**"];

await mkdir(join(REPORT, ".."), { recursive: true });
const child = spawn(
  process.execPath,
  [
    "--test",
    "--conditions=development",
    // Many tests wait for sockets and clocks, so there is room for more files than processors.
    `--test-concurrency=${availableParallelism() + 1}`,
    "--experimental-test-coverage",
    "--test-coverage-include=src/**",
    ...NOT_MEASURED.map((glob) => `--test-coverage-exclude=${glob}`),
    "--test-reporter=dot",
    "--test-reporter-destination=stdout",
    `--test-reporter=${join(import.meta.dirname, "support/tally-reporter.ts")}`,
    "--test-reporter-destination=stdout",
    "--test-reporter=lcov",
    `--test-reporter-destination=${REPORT}`,
    PATTERN,
  ],
  { stdio: "inherit" },
);
const [status] = await once(child, "exit");
const shortfalls = coverageShortfalls(await readFile(REPORT, "utf8"));
for (const line of shortfalls) process.stderr.write(`${line}\n`);
process.exitCode = status === 0 && shortfalls.length === 0 ? 0 : 1;
