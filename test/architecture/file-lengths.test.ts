import assert from "node:assert/strict";
import { glob, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

const ROOT = join(import.meta.dirname, "../..");
const MAX_LINES = 300;

/** Files that are to be divided: none is added. */
const TOO_LONG: ReadonlySet<string> = new Set([
  "test/machines/coordinator.test.ts",
  "src/app/factories.ts",
  "src/service/observers/prepull-observer.ts",
  "src/domain/snapshot/snapshot.ts",
  "src/machines/image-state.ts",
  "src/ports.ts",
  "test/e2e/prepull.test.ts",
  "test/grpc/callers.test.ts",
  "test/grpc/limits.test.ts",
  "test/machines/image-state.test.ts",
  "test/registry-real/service.test.ts",
  "test/registry/google-source.test.ts",
  "test/service/prepull.test.ts",
]);

test("no file of the sources or the tests has more than 300 lines", async () => {
  const found: string[] = [];
  for await (const path of glob(["src/**/*.ts", "test/**/*.ts", "bin/*.js"], { cwd: ROOT })) {
    if (path.startsWith("src/grpc/gen/")) continue;
    const lines = (await readFile(join(ROOT, path), "utf8")).split("\n").length - 1;
    if (lines > MAX_LINES) found.push(path);
  }
  assert.deepEqual(
    found.filter((path) => !TOO_LONG.has(path)),
    [],
  );
});
