import assert from "node:assert/strict";
import { test } from "node:test";
import { compilePattern } from "../../../src/config/tag-pattern.ts";
import { createRegexScheme } from "../../../src/domain/schemes/regex.ts";
import { SchemeError } from "../../../src/domain/schemes/scheme-error.ts";
import { RAPIDS } from "./tag-lists.ts";
import { readInOrder, readTags, versionsOf } from "./tag-reading.ts";

const schemeOf = (pattern: string) => createRegexScheme(compilePattern(pattern));

test("RAPIDS: the builds of one version for several CUDA and Python versions are its variants", () => {
  const scheme = schemeOf(String.raw`(?<major>\d{2})\.(?<minor>\d{2})-(?<variant>cuda\d+(\.\d+)?(-py3\.\d+)?)`);
  assert.deepEqual(versionsOf(scheme, RAPIDS, { ignore: [String.raw`\d+\.\d+a-.*`] }), [
    "26.06-cuda13",
    "25.06-cuda12.8-py3.12",
    "25.04-cuda12.8-py3.12 25.04-cuda12.0-py3.12",
    "24.12-cuda12.5-py3.12",
    "24.08-cuda11.8-py3.9",
    "24.04-cuda12.2-py3.11",
    "23.10-cuda12.0-py3.10",
  ]);
  assert.deepEqual(readTags(scheme, ["24.04"])[0]?.class, "other");
});

test("groups are compared in their order: a missing number below 0, a missing prerelease above any", () => {
  const scheme = schemeOf(String.raw`(?<major>\d+)(\.(?<minor>\d+))?(-(?<prerelease>[a-z]+\d*))?`);
  assert.deepEqual(versionsOf(scheme, ["1", "1.0", "1.0-rc2", "1.0-rc10", "2-a"]), [
    "2-a",
    "1.0",
    "1.0-rc10",
    "1.0-rc2",
    "1",
  ]);
  assert.deepEqual(readInOrder(scheme, ["2-a", "1"]), ["2-a prerelease", "1 release"]);
});

test("a version that is followed by a date", () => {
  const scheme = schemeOf(String.raw`v(?<major>\d+)\.(?<minor>\d+)-(?<year>\d{4})(?<month>\d{2})(?<day>\d{2})`);
  const newestFirst = ["v1.10-20250101", "v1.9-20261120", "v1.2-20261101", "v1.2-20260101"];
  assert.deepEqual(versionsOf(scheme, [...newestFirst.toReversed(), "v1.9-20260231"]), newestFirst);
});

test("what is no number of 1 to 15 digits makes the tag other", () => {
  const scheme = schemeOf(String.raw`(?<major>\w+)\.(?<minor>\w*)`);
  const tags = ["1.2", "1.x", "a.1", "1.", `1.${"9".repeat(16)}`, `1.${"9".repeat(15)}`];
  assert.deepEqual(
    readTags(scheme, tags).map((tag) => tag.class),
    ["release", "other", "other", "other", "other", "release"],
  );
});

test("the class may be in the tag", () => {
  const scheme = schemeOf(String.raw`(?<class>stable|edge|alias)-(?<major>\d+)\.(?<minor>\d+)`);
  assert.deepEqual(readInOrder(scheme, ["stable-1.2", "edge-2.0", "alias-3.0", "nightly-3.0"]), [
    "edge-2.0 edge",
    "stable-1.2 stable",
    "nightly-3.0 other",
    "alias-3.0 other",
  ]);
  assert.equal(scheme.classes, null);
});

test("without groups that order them, tags are in no order", () => {
  const scheme = schemeOf("(?<class>a|b)-(?<variant>x*)");
  const [tag] = readTags(scheme, ["a-"]);
  assert.deepEqual([tag?.ranked, tag?.variant, tag?.class], [false, null, "a"]);
  assert.equal(scheme.abilities(null).order, false);
});

for (const pattern of [
  "(?<release>x)",
  "(?<month>x)",
  "(?<year>x)(?<day>x)",
  "(?<year>x)(?<month>x)(?<week>x)",
  "(?=x)",
  String.raw`(x)\1`,
  "",
]) {
  test(`the pattern ${JSON.stringify(pattern)} is refused with a reason`, () => {
    assert.throws(() => schemeOf(pattern), SchemeError);
  });
}
