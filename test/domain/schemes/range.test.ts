import assert from "node:assert/strict";
import { test } from "node:test";
import { parseRange } from "../../../src/domain/schemes/range.ts";
import { parseVersion } from "../../../src/domain/tags/version.ts";

const VERSIONS = [
  "0.0.3",
  "0.1.0",
  "0.1.4",
  "0.2.0",
  "1.0.0",
  "1.2.3",
  "1.2.4",
  "1.3.0",
  "2.0.0-rc9",
  "2.0.0-rc10",
  "2.0.0",
  "3.0.0",
];

/** Those of VERSIONS that are in the range. */
function versionsIn(range: string, admitPrereleases = false): string {
  const parsed = parseRange(range, admitPrereleases);
  assert.ok(parsed, range);
  return VERSIONS.filter((text) => {
    const version = parseVersion(text);
    return version !== null && parsed.has(version);
  }).join(" ");
}

for (const [range, expected] of [
  ["1.2.3", "1.2.3"],
  ["=v1.2.3", "1.2.3"],
  ["1.2", "1.2.3 1.2.4"],
  ["1.x", "1.0.0 1.2.3 1.2.4 1.3.0"],
  ["1.2.*", "1.2.3 1.2.4"],
  ["*", "0.0.3 0.1.0 0.1.4 0.2.0 1.0.0 1.2.3 1.2.4 1.3.0 2.0.0 3.0.0"],
  ["~1.2.3", "1.2.3 1.2.4"],
  ["~> 1", "1.0.0 1.2.3 1.2.4 1.3.0"],
  ["^1.2.4", "1.2.4 1.3.0"],
  ["^0.1.0", "0.1.0 0.1.4"],
  ["^0.0.3", "0.0.3"],
  ["^0", "0.0.3 0.1.0 0.1.4 0.2.0"],
  [">1", "2.0.0 3.0.0"],
  [">1.2", "1.3.0 2.0.0 3.0.0"],
  [">=1.2.4 <2", "1.2.4 1.3.0"],
  [">= 1.2.4, < 2.0.0", "1.2.4 1.3.0"],
  ["<=1.2", "0.0.3 0.1.0 0.1.4 0.2.0 1.0.0 1.2.3 1.2.4"],
  ["<1.2.4 >1.0.0", "1.2.3"],
  ["1.2.4 - 2", "1.2.4 1.3.0 2.0.0"],
  ["0.1 - 1.2.3", "0.1.0 0.1.4 0.2.0 1.0.0 1.2.3"],
  ["0.1.x || >=2", "0.1.0 0.1.4 2.0.0 3.0.0"],
  [">*", ""],
  [">=2.0.0-0", "2.0.0-rc9 2.0.0-rc10 2.0.0 3.0.0"],
  [">=2.0.0-rc10", "2.0.0-rc10 2.0.0 3.0.0"],
  ["1.3.0 - 2.0.0-rc9", "1.3.0 2.0.0-rc9"],
  [">=2.0.0-rc10 <2.0.0 || 1.0.x", "1.0.0 2.0.0-rc10"],
  ["<2.0.0", "0.0.3 0.1.0 0.1.4 0.2.0 1.0.0 1.2.3 1.2.4 1.3.0"],
] as const) {
  test(`the range ${range}`, () => assert.equal(versionsIn(range), expected));
}

test("where prereleases are wanted, every alternative admits them", () => {
  assert.equal(versionsIn("2.x", true), "2.0.0-rc9 2.0.0-rc10 2.0.0");
  assert.equal(parseRange("2.x")?.admitsPrereleases, false);
  assert.equal(parseRange("1.x || 2.0.0-rc1")?.admitsPrereleases, true);
});

for (const text of [
  "",
  " , ",
  "x.1",
  "1.2.3.4",
  "01.2",
  "^",
  ">=1 nonsense",
  "1.2.3-",
  "1.2-rc1",
  "1 - 2 - 3",
  `${"9".repeat(17)}`,
]) {
  test(`${JSON.stringify(text)} is no range`, () => assert.equal(parseRange(text), null));
}

test("a long text takes no time", () => {
  const start = performance.now();
  for (const piece of ["1.", "1 ", "v", "= ", "1.2.3-a.", ">=1 - ", "||"]) parseRange(piece.repeat(500));
  assert.ok(performance.now() - start < 5_000);
});
