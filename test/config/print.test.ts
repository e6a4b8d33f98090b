import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { stringify } from "yaml";
import type { Config } from "../../src/config/config.ts";
import { parseConfig } from "../../src/config/load.ts";
import { printLongForm } from "../../src/config/print.ts";
import { servedConfig } from "../../src/config/served-config.ts";
import { parseYaml } from "../../src/config/yaml.ts";
import { IMAGES } from "./problems-in.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const CASES = join(ROOT, "test", "conformance", "sets", "cases");

/** All settings; a source stands at another key in the long form. */
function settingsOf(text: string): Config {
  const config = parseConfig(text);
  return { ...config, sources: config.sources.map((each) => ({ ...each, key: "" })) };
}

/** Asserts that a configuration means the same in its long form, and that this form is its own. */
function assertRoundTrip(text: string): string {
  const printed = printLongForm(parseYaml(text));
  assert.deepEqual(settingsOf(printed), settingsOf(text));
  assert.equal(printLongForm(parseYaml(printed)), printed);
  return printed;
}

test("images is written out as the source and the set that it stands for", () => {
  const printed = assertRoundTrip(`${IMAGES}logLevel: debug\n`);
  assert.equal(
    printed,
    `sources:
  - name: default
    type: docker
    registry: r.example.org
    repository: a/b
    refreshInterval: 5m
    prepullTimeout: 10m
    tags:
      scheme: rubin
      aliases:
        - recommended
sets:
  - name: default
    images:
      - source: default
        alias: recommended
      - source: default
        class: release
        newest: 1
      - source: default
        class: weekly
        newest: 2
      - source: default
        class: daily
        newest: 3
    order: display
logLevel: debug
`,
  );
  assert.equal(servedConfig(parseConfig(printed)).images.numDailies, 3);
});

test("every key of images has its place in the long form", () => {
  const images = {
    source: {
      type: "google",
      location: "us-central1",
      projectId: "example-project",
      repository: "library",
      image: "lab",
    },
    refreshInterval: 90,
    prepullTimeout: "1h",
    recommendedTag: "recommended_c0044",
    numReleases: 0,
    numWeeklies: 3,
    numDailies: 2,
    cycle: 44,
    pin: ["r29_2_0_rsp2697", "1.10"],
    aliasTags: ["latest_weekly", "v1.0", "1e3"],
    dockerCredentialsPath: "/etc/credentials",
  };
  assertRoundTrip(stringify({ images, nodeSelector: { a: "b" }, tolerations: [{ operator: "Exists" }] }));
});

test("a set default that images could not say is no images", () => {
  const printed = printLongForm(parseYaml(IMAGES));
  for (const [part, other] of [
    ["order: display", "order: rules"],
    ["newest: 2", "newest: 2\n        within: 9d"],
    ["- recommended", "- recommended.*"],
    ["  - name: default\n    images", "  - name: default\n    nodes: {selector: {}}\n    images"],
    ["prepullTimeout: 10m", "pullSecret: secret"],
  ] as const) {
    assert.ok(printed.includes(part), part);
    assert.equal(parseConfig(printed.replace(part, other)).images, null, other);
  }
});

for (const name of ["config.example.yaml", "config.sets.example.yaml"]) {
  test(`${name} goes round`, async () => void assertRoundTrip(await readFile(join(ROOT, name), "utf8")));
}

test("the configurations of all conformance cases go round", async () => {
  for (const file of await readdir(CASES)) {
    const { cases }: { readonly cases: readonly { readonly config: object; readonly expected: object }[] } = JSON.parse(
      await readFile(join(CASES, file), "utf8"),
    );
    for (const { config, expected } of cases) if (!("errors" in expected)) assertRoundTrip(stringify(config));
  }
});
