import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { stringify } from "yaml";
import { parseConfig } from "../../src/config/load.ts";
import { servedConfig } from "../../src/config/served-config.ts";
import { spawnerPrepullsJson } from "../../src/domain/images/spawner-json.ts";

const CASES = join(import.meta.dirname, "..", "conformance", "cases");

interface ServiceCase {
  readonly id: string;
  readonly config: object;
  readonly dropdownMenu: object | null;
  readonly tolerations: readonly object[] | null;
  readonly expected: { readonly first: { readonly status: { readonly config: object } } };
}

for (const file of ["service_docker.json", "service_gar.json"]) {
  test(`every configuration of ${file} is understood as the original understood it`, async () => {
    const { cases }: { readonly cases: readonly ServiceCase[] } = JSON.parse(await readFile(join(CASES, file), "utf8"));
    assert.ok(cases.length > 0);
    for (const { id, config, dropdownMenu, tolerations, expected } of cases) {
      const { images } = servedConfig(parseConfig(stringify({ images: config, dropdownMenu, tolerations })));
      const json: object = JSON.parse(spawnerPrepullsJson(images, { prepulled: [], pending: [] }, []));
      assert.deepEqual(Reflect.get(json, "config"), expected.first.status.config, id);
    }
  });
}
