import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseAliasTag } from "../../src/domain/tags/alias-parse.ts";
import type { Tag } from "../../src/domain/tags/tag.ts";
import { compareTags, sortTags } from "../../src/domain/tags/tag-order.ts";
import { parseTag } from "../../src/domain/tags/tag-parse.ts";
import { nearlyTag } from "./tag-arbitrary.ts";

/** Asserts that tags given in display order are sorted so from any order. */
function assertOrder(...tags: readonly (string | Tag)[]): void {
  const parsed = tags.map((tag) => (typeof tag === "string" ? parseTag(tag) : tag));
  const expected = parsed.map(({ tag }) => tag);
  for (const start of [parsed.toReversed(), [...parsed.slice(1), ...parsed.slice(0, 1)]]) {
    assert.deepEqual(
      sortTags(start).map(({ tag }) => tag),
      expected,
    );
  }
}

const anyTag = fc.oneof(
  nearlyTag.map(parseTag),
  nearlyTag.map(parseAliasTag),
  fc
    .constantFrom("r1_2_3", "r01_2_3", "r1_2_3-amd64", "r1_2_3_rc9", "r1_2_3_rc10", "exp_a", "exp_r1_2_3")
    .map(parseTag),
);

test("types come in their order", () => {
  assertOrder(
    parseAliasTag("recommended"),
    "r1_0_0",
    "w_2077_43",
    "d_2077_10_23",
    "r99_0_0_rc1",
    "exp_r99_0_0",
    "unknown",
  );
});

test("inside a type the highest version is first", () => {
  assertOrder("r100_0_0", "r22_10_0", "r22_9_1", "r22_9_0", "r170");
  assertOrder("w_2077_43", "w_2077_9", "w_2076_52");
  assertOrder("exp_r22_0_0", "exp_r22_0_0_rc1");
});

test("the number after rc counts as a number", () => {
  assertOrder("r1_0_0_rc10", "r1_0_0_rc9", "r1_0_0_rc1");
  assertOrder("r1_0_0_rc99999999999999999999", "r1_0_0_rc99999999999999999998", "r1_0_0_rc3");
});

test("numbers beyond 2^53 are distinguished by their digits, whichever field has them", () => {
  const [high, low] = ["9007199254740993", "9007199254740992"];
  assertOrder(`r${high}_1_0`, `r${low}_9_0`);
  assertOrder(`r1_${high}_1`, `r1_${low}_9`);
  assertOrder(`r1_1_${high}_rsp1`, `r1_1_${low}_rsp9`);
  assertOrder(
    `exp_r${high}_1_${low}`,
    `exp_r${high}_1_${low}_extra`.replace("_extra", "-amd64"),
    `exp_r${low}_9_${high}`,
  );
  assertOrder(`w_2077_43_c${high}.1`, `w_2077_43_c${low}.2`);
  assertOrder(`w_2077_43_c1.${high}_rsp1`, `w_2077_43_c1.${low}_rsp2`);
  assertOrder(`d_2077_10_23_rsp${high}_a`, `d_2077_10_23_rsp${low}_b`);
  assertOrder(`name_c${high}`, `name_c${low}`);
  assertOrder(`r${high}_2_0_rsp${low}`, `r${high}_1_${low}`);
});

test("a large number that the tag does not spell, as an alias has from its target, is compared as it is", () => {
  const alias = { ...parseAliasTag("a"), cycle: 2 ** 60 };
  assert.equal(compareTags(alias, { ...alias }), 0);
  assert.ok(compareTags(alias, { ...alias, tag: "b" }) > 0);
  const weekly = {
    ...parseTag("w_2077_43"),
    version: { major: 2 ** 60, minor: 0, patch: 0, prerelease: null, build: null },
  };
  assert.equal(compareTags(weekly, { ...weekly }), 0);
  assert.equal(compareTags({ ...alias, build: 2 ** 60 }, { ...alias, build: 2 ** 60 }), 0);
});

test("tags without version are ordered by base name, above those with one", () => {
  assertOrder("exp_b", "exp_a", "exp_Z", "exp_w_2077_43");
});

test("cycle, cycle build, build and extra decide in turn, and a missing one is below", () => {
  assertOrder(
    "r1_0_0_c2.1",
    "r1_0_0_c1.2",
    "r1_0_0_c1.1_rsp1",
    "r1_0_0_c1.1",
    "r1_0_0_rsp9_b",
    "r1_0_0_rsp9_a",
    "r1_0_0_rsp9",
    "r1_0_0",
  );
});

test("a tag for all architectures is above those for one", () => {
  assertOrder("r1_0_0", "r1_0_0-arm64", "r1_0_0-amd64");
});

test("at last the tag itself decides, by code point", () => {
  assertOrder("r17_0_0", "r170", "r017_0_0");
});

test("the order is total: antisymmetric, transitive, and 0 for the same tag only", () => {
  fc.assert(
    fc.property(anyTag, anyTag, anyTag, (a, b, c) => {
      assert.equal(Math.sign(compareTags(a, b)), -Math.sign(compareTags(b, a)) + 0);
      if (compareTags(a, b) === 0) assert.deepEqual([a.tag, a.type], [b.tag, b.type]);
      if (compareTags(a, b) <= 0 && compareTags(b, c) <= 0) assert.ok(compareTags(a, c) <= 0);
    }),
    { numRuns: 5000 },
  );
});

test("sorting gives the same list from any order, and leaves its input alone", () => {
  fc.assert(
    fc.property(fc.array(anyTag, { maxLength: 30 }), (tags) => {
      const before = [...tags];
      const sorted = sortTags(tags);
      assert.deepEqual(tags, before);
      assert.deepEqual(sortTags(tags.toReversed()), sorted);
    }),
  );
});
