import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compilePattern } from "../../../src/config/tag-pattern.ts";
import { STEP_SIZE } from "../../../src/domain/cooperative.ts";
import { createScheme } from "../../../src/domain/schemes/create-scheme.ts";
import type { SchemeTag } from "../../../src/domain/schemes/scheme.ts";
import type { SchemeConfig } from "../../../src/domain/settings.ts";
import { nearlyTag } from "../tag-arbitrary.ts";
import { listed, readerOf } from "./tag-reading.ts";

const MAX_TAG = 128;
/** As many as all sources may have together. */
const MAX_TAGS = 200_000;

interface Scheme {
  readonly config: SchemeConfig;
  /** Pieces of which tags are made that the scheme reads, or nearly. */
  readonly pieces: readonly string[];
}

const NUMBERS = ["0", "1", "2", "9", "10", "007", "2026", "26", "9007199254740993"];
const SCHEMES: readonly Scheme[] = [
  { config: { name: "semver" }, pieces: ["v", ".", ".", "-rc", "-beta.", "-0", ...NUMBERS] },
  {
    config: { name: "calver", format: "YYYY.MM[.DD][-vMICRO]" },
    pieces: ["2026.1", ".", "-v", "-gpu", "_a", ...NUMBERS],
  },
  {
    config: {
      name: "regex",
      pattern: String.raw`(?<major>\d+)(\.(?<minor>\d+))?(-(?<prerelease>[a-z]\w*))?(_(?<variant>\w+))?`,
    },
    pieces: ["1.", "-rc", "-a", "_cuda", "_", "x", ...NUMBERS],
  },
  { config: { name: "opaque", pattern: null, order: "pushed" }, pieces: ["a", "b", "_", ...NUMBERS] },
];

for (const { config, pieces } of SCHEMES) {
  const scheme = createScheme(config, compilePattern);
  const reader = readerOf(scheme, { aliases: ["a.*"] });
  const tag = fc.oneof(
    nearlyTag,
    fc.array(fc.constantFrom(...pieces), { minLength: 1, maxLength: 6 }).map((parts) => parts.join("")),
  );
  const read = fc
    .tuple(tag, fc.option(fc.nat({ max: 3 })))
    .map(([text, pushedAt]) => reader.readTag({ ...listed(text), pushedAt }, new Set()))
    .filter((each): each is SchemeTag => each !== null);

  test(`${config.name}: the order is total`, () => {
    fc.assert(
      fc.property(read, read, read, (a, b, c) => {
        assert.equal(Math.sign(scheme.compare(a, b)), -Math.sign(scheme.compare(b, a)) || 0);
        assert.equal(scheme.compare(a, a), 0);
        if (a.tag !== b.tag) assert.notEqual(scheme.compare(a, b), 0);
        const [first, second, third] = [a, b, c].toSorted((x, y) => scheme.compare(x, y));
        assert.ok(first && second && third);
        assert.ok(scheme.compare(first, third) <= 0);
        // Tags of one version stand together.
        if (first.ranked && third.ranked && scheme.isSameVersion(first, third)) {
          assert.ok(scheme.isSameVersion(first, second) && scheme.isSameVersion(second, third));
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test(`${config.name}: the longest tags take no time`, () => {
    const hostile = [
      "1".repeat(MAX_TAG),
      "1.".repeat(64),
      "v1-".repeat(42),
      "2026.1-".repeat(18),
      "1.1-a".repeat(25),
      "a_".repeat(64),
    ];
    const start = performance.now();
    for (const text of hostile) for (let round = 0; round < 100; round++) reader.readTag(listed(text), new Set());
    assert.ok(performance.now() - start < 5_000);
  });
}

test("200,000 tags are read in steps of a few, and those that are as they were are kept", () => {
  const scheme = createScheme(
    { name: "regex", pattern: String.raw`(?<major>\d+)\.(?<minor>\d+)-(?<variant>.*)` },
    compilePattern,
  );
  const reader = readerOf(scheme, { ignore: [".*-debug"], aliases: ["latest"] });
  const listing = Array.from({ length: MAX_TAGS }, (_, index) => listed(`${index % 100}.${index}-cuda12.${index}`));
  const [first, steps] = stepThrough(reader.read(listing, null));
  assert.equal(first.tags.size, MAX_TAGS);
  assert.ok(steps >= (2 * MAX_TAGS) / STEP_SIZE, `${steps} steps`);
  const [second] = stepThrough(reader.read(listing, first));
  for (const [tag, found] of second.tags) assert.equal(found, first.tags.get(tag));
});

/** The result of a task, and in how many steps it came. */
function stepThrough<T>(task: Generator<undefined, T, undefined>): [T, number] {
  for (let steps = 1; ; steps++) {
    const step = task.next();
    if (step.done) return [step.value, steps];
  }
}
