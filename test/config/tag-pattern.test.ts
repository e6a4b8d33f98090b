import assert from "node:assert/strict";
import { test } from "node:test";
import { compilePattern } from "../../src/config/tag-pattern.ts";
import { SchemeError } from "../../src/domain/schemes/scheme-error.ts";

/** The longest tag there is. */
const LONGEST = 128;

test("a pattern matches the whole tag or not at all", () => {
  const pattern = compilePattern("[0-9a-f]{4}|latest");
  for (const tag of ["12ab", "latest"]) assert.ok(pattern.matches(tag), tag);
  for (const tag of ["12ab5", "x12ab", "latest-2", ""]) assert.ok(!pattern.matches(tag), tag);
});

test("a pattern that is a tag matches that tag", () => {
  for (const [pattern, tag, other] of [
    ["latest_weekly", "latest_weekly", "latest-weekly"],
    [String.raw`v1\.0-rc1`, "v1.0-rc1", "v1x0-rc1"],
  ] as const) {
    const compiled = compilePattern(pattern);
    assert.deepEqual([compiled.matches(tag), compiled.matches(other)], [true, false]);
    assert.deepEqual([compiled.capture(tag)?.size, compiled.capture(other)], [0, null]);
  }
});

test("named groups are captured in both spellings, where they took part", () => {
  const pattern = compilePattern("(?<major>[0-9]+)(-(?P<variant>[a-z]+))?");
  assert.deepEqual(pattern.groups, ["major", "variant"]);
  assert.deepEqual(
    [...(pattern.capture("7-gpu") ?? [])],
    [
      ["major", "7"],
      ["variant", "gpu"],
    ],
  );
  assert.deepEqual([...(pattern.capture("7") ?? [])], [["major", "7"]]);
  assert.equal(pattern.capture("7-"), null);
});

for (const [pattern, reason] of [
  ["(?=x)", /look-around/],
  ["(?!x)", /look-around/],
  ["(?<=x)y", /look-around/],
  ["(?<!x)y", /look-around/],
  [String.raw`(x)\1`, /back-references/],
  ["*", /repetition/],
  ["(x", /missing closing/],
  ["", /1 to 256 characters/],
  ["x".repeat(257), /1 to 256 characters/],
  [".{0,1000}", /fewer repetitions/],
  [".{0,400}.{0,400}", /fewer repetitions/],
] as const) {
  test(`${JSON.stringify(pattern.slice(0, 20))} is refused with the reason, and is not repeated`, () => {
    assert.throws(
      () => compilePattern(pattern),
      (error) => error instanceof SchemeError && error.key === "pattern" && reason.test(error.message),
    );
  });
}

test("patterns on which others backtrack take time linear in the tag", () => {
  for (const pattern of [
    "(a*)*b",
    "(a|aa)+c",
    "(a|a)*d",
    "(.*)(.*)(.*)(.*)(.*)x",
    "(?<major>(\\d+)*)-(?<variant>(a?){20}a{20})",
  ]) {
    const compiled = compilePattern(pattern);
    const start = performance.now();
    for (let round = 0; round < 100; round++) {
      compiled.matches("a".repeat(LONGEST));
      compiled.capture("1".repeat(LONGEST));
    }
    assert.ok(performance.now() - start < 5_000, pattern);
  }
});
