import assert from "node:assert/strict";
import { test } from "node:test";
import { compilePattern } from "../../../src/config/tag-pattern.ts";
import { createSourceReader } from "../../../src/domain/schemes/source-reader.ts";
import type { SetConfig, SourceConfig } from "../../../src/domain/settings.ts";
import { listed } from "./tag-reading.ts";

const SOURCE: SourceConfig = {
  name: "scipy",
  connection: { type: "docker", registry: "quay.io", repository: "jupyter/scipy-notebook" },
  refreshIntervalMs: 300_000,
  pullTimeoutMs: 600_000,
  pullSecret: null,
  scheme: { name: "calver", format: "YYYY-MM-DD" },
  ignore: ["x86_64-.*"],
  aliases: ["python-.*"],
};
const NODES = { selector: {}, expressions: [], tolerations: [], order: "rules" } as const;
const SETS: readonly SetConfig[] = [
  { name: "a", ...NODES, rules: [{ kind: "alias", source: "scipy", alias: "2026-07-28", until: null }] },
  { name: "b", ...NODES, rules: [{ kind: "alias", source: "other", alias: "2026-08-10", until: null }] },
];

test("what an alias rule of any set names on this source is an alias, a date too", () => {
  const reader = createSourceReader(SOURCE, SETS, compilePattern);
  const classOf = (tag: string) => reader.readTag(listed(tag), new Set())?.class ?? "left out";
  const tags = ["2026-07-28", "2026-08-10", "python-3.13", "x86_64-latest", "lab-4.5.3"];
  assert.deepEqual(tags.map(classOf), ["alias", "release", "alias", "left out", "other"]);
});
