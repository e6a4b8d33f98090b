import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { stringify } from "yaml";
import { ConfigError } from "../../src/config/config-error.ts";
import { parseConfig } from "../../src/config/load.ts";

const CASES = join(import.meta.dirname, "..", "conformance", "sets", "cases");

interface SetsCase {
  readonly id: string;
  readonly config: object;
  readonly expected: { readonly errors?: readonly string[] };
}

/** The key paths that are wrong, in order. */
function errorPaths(config: object): readonly string[] {
  try {
    parseConfig(stringify(config));
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.problems.map(({ path }) => path).sort();
  }
  return [];
}

for (const file of (await readdir(CASES)).sort()) {
  const { cases }: { readonly cases: readonly SetsCase[] } = JSON.parse(await readFile(join(CASES, file), "utf8"));
  for (const { id, config, expected } of cases) {
    const what = expected.errors === undefined ? "is understood" : "is refused, with every key that is wrong";
    test(`${id}: the configuration ${what}`, () => assert.deepEqual(errorPaths(config), expected.errors ?? []));
  }
}
