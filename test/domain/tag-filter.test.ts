import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { InvalidArgumentError } from "../../src/domain/errors.ts";
import type { DropdownPolicy, FilterPolicy } from "../../src/domain/settings.ts";
import { parseAliasTag } from "../../src/domain/tags/alias-parse.ts";
import type { Tag } from "../../src/domain/tags/tag.ts";
import { filterByPolicy } from "../../src/domain/tags/tag-filter.ts";
import { sortTags } from "../../src/domain/tags/tag-order.ts";
import { parseTag } from "../../src/domain/tags/tag-parse.ts";

const DAY = 86_400_000;
const NO_LIMIT: FilterPolicy = { number: null, age: null, cutoffBuild: null, cutoffDate: null, cutoffVersion: null };

function kept(tags: readonly string[], policy: DropdownPolicy, now = 0): string[] {
  return filterByPolicy(sortTags(tags.map(parseTag)), (tag) => tag, policy, now).keep.map(({ tag }) => tag);
}

test("aliases, unknown tags and types without policy always pass", () => {
  const nothing = { ...NO_LIMIT, number: 0 };
  const policy = { release: nothing, daily: nothing, releaseCandidate: nothing, experimental: nothing };
  const tags = [
    parseAliasTag("recommended"),
    ...["r1_0_0", "w_2077_43", "d_2077_10_23", "r2_0_0_rc1", "exp_a", "x"].map(parseTag),
  ];
  const { keep, drop, changesAt } = filterByPolicy(tags, (tag) => tag, policy, 0);
  assert.deepEqual(
    keep.map(({ tag }) => tag),
    ["recommended", "w_2077_43", "x"],
  );
  assert.equal(drop.length, 4);
  assert.equal(changesAt, null);
});

test("number keeps that many of what passes the rest, and zero means zero", () => {
  const tags = ["w_2077_43_rsp1", "w_2077_42_rsp9", "w_2077_41", "w_2077_40"];
  assert.deepEqual(kept(tags, { weekly: { ...NO_LIMIT, number: 2, cutoffBuild: 5 } }), ["w_2077_42_rsp9", "w_2077_41"]);
  assert.deepEqual(kept(tags, { weekly: { ...NO_LIMIT, number: 0 } }), []);
});

test("a tag exactly as old as allowed passes, and one without date whatever its age", () => {
  const limit = { ...NO_LIMIT, age: 7 * DAY };
  const now = (parseTag("w_2077_42").date ?? 0) + 7 * DAY;
  assert.deepEqual(kept(["w_2077_43", "w_2077_42", "w_2077_41"], { weekly: limit }, now), ["w_2077_43", "w_2077_42"]);
  assert.deepEqual(kept(["w_2077_43", "w_2077_42"], { weekly: limit }, now + 1), ["w_2077_43"]);
  assert.deepEqual(kept(["r1_0_0"], { release: { ...NO_LIMIT, age: 0 } }, now), ["r1_0_0"]);
});

test("the cutoffs are inclusive and spare tags that lack what they limit", () => {
  const cutoffDate = parseTag("d_2077_10_23").date;
  assert.deepEqual(kept(["d_2077_10_23", "d_2077_10_22"], { daily: { ...NO_LIMIT, cutoffDate } }), ["d_2077_10_23"]);
  assert.deepEqual(kept(["exp_a", "exp_d_2077_10_22"], { experimental: { ...NO_LIMIT, cutoffDate } }), ["exp_a"]);
  const cutoffVersion = "22.0.0-rc10";
  assert.deepEqual(kept(["r22_0_0_rc10", "r22_0_0_rc9"], { releaseCandidate: { ...NO_LIMIT, cutoffVersion } }), [
    "r22_0_0_rc10",
  ]);
  assert.deepEqual(kept(["w_20_1"], { weekly: { ...NO_LIMIT, cutoffVersion } }), ["w_20_1"]);
});

test("a cutoff that is no version is refused with its key", () => {
  assert.throws(
    () => filterByPolicy([], (tag) => tag, { weekly: { ...NO_LIMIT, cutoffVersion: "22" } }, 0),
    (error) => error instanceof InvalidArgumentError && error.field === "weekly.cutoffVersion",
  );
});

test("the outcome changes when the first kept tag is too old", () => {
  const policy = { daily: { ...NO_LIMIT, age: 2 * DAY, number: 2 } };
  const tags = ["d_2077_10_23", "d_2077_10_22", "d_2077_10_21"].map(parseTag);
  const now = parseTag("d_2077_10_23").date ?? 0;
  assert.equal(filterByPolicy(tags, (tag) => tag, policy, now).changesAt, now + DAY + 1);
  assert.equal(filterByPolicy(tags, (tag) => tag, policy, now + 9 * DAY).changesAt, null);
});

const anyPolicy: fc.Arbitrary<FilterPolicy> = fc.record({
  number: fc.option(fc.nat(4)),
  age: fc.option(fc.integer({ min: 0, max: 20 * 2 }).map((half) => (half * DAY) / 2)),
  cutoffBuild: fc.option(fc.nat(3)),
  cutoffDate: fc.option(fc.nat(25).map((day) => day * DAY)),
  cutoffVersion: fc.option(fc.constantFrom("1.0.0", "2.0.0-rc2")),
});
const anyDropdown = fc.record({ daily: anyPolicy, releaseCandidate: anyPolicy, experimental: anyPolicy });
const anyTags = fc
  .array(
    fc
      .tuple(
        fc.constantFrom("d_1970_1_", "exp_d_1970_1_", "r2_0_0_rc", "exp_r2_0_", "x"),
        fc.integer({ min: 1, max: 20 }),
        fc.constantFrom("", "_rsp1", "_rsp3"),
      )
      .map(([start, number, build]) => parseTag(start + number + build)),
    { maxLength: 20 },
  )
  .map(sortTags);

function outcome(tags: readonly Tag[], policy: DropdownPolicy, now: number): string {
  return filterByPolicy(tags, (tag) => tag, policy, now)
    .keep.map(({ tag }) => tag)
    .join(" ");
}

test("what is kept and what is dropped are the input, each in its order", () => {
  fc.assert(
    fc.property(anyTags, anyDropdown, fc.nat(30), (tags, policy, day) => {
      const items = tags.map((tag, index) => ({ tag, index }));
      const { keep, drop } = filterByPolicy(items, ({ tag }) => tag, policy, day * DAY);
      assert.deepEqual(
        [...keep, ...drop].sort((a, b) => a.index - b.index),
        items,
      );
      for (const part of [keep, drop])
        assert.deepEqual(
          part.toSorted((a, b) => a.index - b.index),
          part,
        );
    }),
  );
});

test("the outcome stays until the moment foretold, and changes then", () => {
  fc.assert(
    fc.property(anyTags, anyDropdown, fc.nat(30 * DAY), (tags, policy, now) => {
      const { changesAt } = filterByPolicy(tags, (tag) => tag, policy, now);
      const before = outcome(tags, policy, now);
      if (changesAt === null) {
        assert.equal(outcome(tags, policy, now + 1000 * DAY), before);
      } else {
        assert.ok(changesAt > now);
        assert.equal(outcome(tags, policy, changesAt - 1), before);
        assert.notEqual(outcome(tags, policy, changesAt), before);
      }
    }),
    { numRuns: 500 },
  );
});
