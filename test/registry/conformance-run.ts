import assert from "node:assert/strict";
import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runDirectory } from "../conformance/run-directory.ts";
import type { OpenCaseRegistry } from "../conformance/runners/case-sources.ts";
import { serviceRunner } from "../conformance/runners/service.ts";

const CASES = join(import.meta.dirname, "../conformance/cases");

/** Runs every case of one file, all of which must pass, and answers how many there are. */
export async function passCases(file: "service_docker" | "service_gar", open: OpenCaseRegistry): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), "conformance-"));
  try {
    await copyFile(join(CASES, `${file}.json`), join(directory, `${file}.json`));
    const failures: string[] = [];
    const runners = { [file]: serviceRunner(open) };
    const { passed, failed } = await runDirectory(
      directory,
      (file) => runners[file],
      (line) => failures.push(line),
    );
    assert.deepEqual(failures, []);
    assert.equal(failed, 0);
    return passed;
  } finally {
    await rm(directory, { recursive: true });
  }
}
