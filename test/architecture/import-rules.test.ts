import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { BIOME_CONFIG, importOverrides, isImportOverride } from "./import-rules.ts";

test("biome.json holds the import rules as the table has them", async () => {
  const config: { overrides: object[] } = JSON.parse(await readFile(BIOME_CONFIG, "utf8"));
  assert.deepEqual(
    config.overrides.filter(isImportOverride),
    await importOverrides(),
    "run npm run import-rules after a change of the table or a new folder",
  );
});
