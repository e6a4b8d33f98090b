import assert from "node:assert/strict";
import { test } from "node:test";
import { compilePattern } from "../../../src/config/tag-pattern.ts";
import { createOpaqueScheme } from "../../../src/domain/schemes/opaque.ts";
import { COMMITS } from "./tag-lists.ts";
import { listed, readInOrder, readListing } from "./tag-reading.ts";

const commits = createOpaqueScheme(compilePattern("[0-9a-f]{12}"), true);

test("commits come in the order in which they were pushed; those pushed at one time are one version", () => {
  const listing = [
    ...COMMITS.map((tag, index) => listed(tag, index)),
    listed("31acaf5246ab", 3),
    listed("265c3d6f515b"),
  ];
  const tags = [...readListing(commits, listing).tags.values()].toSorted((a, b) => commits.compare(a, b));
  assert.deepEqual(
    tags.map((tag) => [tag.tag, tag.class, tag.ranked]),
    [
      ["bbe4225a7940", "release", true],
      ["31acaf5246ab", "release", true],
      ["67523d9ea855", "release", true],
      ["55adca9b2caa", "release", true],
      ["0d0765090250", "release", true],
      ["latest", "other", false],
      ["265c3d6f515b", "release", false],
    ],
  );
  const [first, second, third] = tags;
  assert.ok(first && second && third);
  assert.deepEqual([commits.isSameVersion(first, second), commits.isSameVersion(second, third)], [true, false]);
});

test("without order: pushed tags have neither order nor date, and without a pattern every tag fits", () => {
  const scheme = createOpaqueScheme(null, false);
  const [tag] = readListing(scheme, [listed("main", 5)]).tags.values();
  assert.deepEqual([tag?.ranked, tag?.date, tag?.class], [false, null, "release"]);
  assert.deepEqual(scheme.abilities(null), { order: false, major: false, minor: false, date: false, variant: false });
  assert.deepEqual(readInOrder(scheme, COMMITS).length, COMMITS.length);
});
