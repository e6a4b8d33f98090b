import assert from "node:assert/strict";
import { test } from "node:test";
import { createGrouping, type GroupMember, primaryOf } from "../../src/domain/images/group.ts";
import { createRubinScheme } from "../../src/domain/schemes/rubin.ts";
import { createTagReader } from "../../src/domain/schemes/tag-reader.ts";
import { compareTags } from "../../src/domain/tags/tag-order.ts";
import {
  catalogOf,
  digest,
  found,
  imageSettings,
  type ListedTag,
  listing,
  NO_TRAITS,
  snapshotOf,
} from "../support/image-world.ts";

const READER = createTagReader({
  scheme: createRubinScheme(null),
  ignore: [],
  aliases: [],
  aliasTags: new Set(["recommended", "latest_weekly"]),
});

/** A group in display order: `*` before a tag puts it into the prepull set. */
function group(...tags: readonly string[]): readonly GroupMember[] {
  const members = tags.map((text) => {
    const inPrepullSet = text.startsWith("*");
    const remote = { tag: inPrepullSet ? text.slice(1) : text, digest: null, sizeBytes: null };
    const tag = READER.readTag(remote, new Set());
    if (tag === null) throw new Error(`${text} is left out`);
    return { tag, inPrepullSet };
  });
  return members.sort((a, b) => compareTags(a.tag, b.tag));
}

function primary(...tags: readonly string[]): string | undefined {
  return primaryOf(group(...tags))?.tag.tag;
}

test("the primary of a group is a build rather than an alias or an unknown tag", () => {
  assert.equal(primary("recommended", "zebra", "exp_w_2077_43_x"), "exp_w_2077_43_x");
  assert.equal(primary("*recommended", "*zebra", "w_2077_43-amd64"), "w_2077_43-amd64");
});

test("the primary comes from the prepull set before display order counts", () => {
  assert.equal(primary("r29_0_0", "*d_2077_10_23"), "d_2077_10_23");
  assert.equal(primary("r29_0_0", "d_2077_10_23"), "r29_0_0");
});

test("the primary is without architecture, but the prepull set goes before that", () => {
  assert.equal(primary("w_2077_43-amd64", "d_2077_10_23"), "d_2077_10_23");
  assert.equal(primary("*w_2077_43-amd64", "d_2077_10_23"), "w_2077_43-amd64");
});

test("a group of names alone has the first of those by the same rule", () => {
  assert.equal(primary("zebra", "recommended"), "recommended");
  assert.equal(primary("recommended", "*zebra"), "zebra");
  assert.equal(primary("recommended-amd64", "zebra"), "zebra");
  assert.equal(primaryOf([]), undefined);
});

test("a tag alone has no aliases and is what it was parsed as", () => {
  const [member] = group("zebra");
  assert.ok(member);
  assert.deepEqual(createGrouping([member])(member), {
    tag: member.tag,
    aliases: [],
    aliasCount: 0,
    aliasTarget: null,
  });
});

/** What the images of one digest are called, and what they stand for. */
function described(...tags: readonly string[]): Readonly<Record<string, readonly [string, string | null]>> {
  const listed = tags.map((tag): ListedTag => [tag, "a"]);
  const { entries } = catalogOf(imageSettings({ aliasTags: ["latest_weekly"] }), listing(...listed));
  return Object.fromEntries(entries.map(({ tag, aliasTarget }) => [tag.tag, [tag.displayName, aliasTarget]]));
}

test("an alias is renamed after its target", () => {
  assert.deepEqual(described("recommended", "w_2077_43"), {
    recommended: ["Recommended (Weekly 2077_43)", "w_2077_43"],
    w_2077_43: ["Weekly 2077_43", null],
  });
});

test("an unknown tag of a group becomes an alias of the primary", () => {
  const { entries } = catalogOf(imageSettings(), listing(["my_favourite-BUILD", "a"], ["r29_0_0", "a"]));
  const [alias] = entries;
  assert.equal(alias?.tag.type, "ALIAS");
  assert.equal(alias?.tag.displayName, "My Favourite-Build (Release r29.0.0)");
  assert.equal(alias?.parsed.type, "UNKNOWN");
});

test("parentheses of the target's name become commas", () => {
  const names = described("recommended", "w_2077_43_c0045.003_rsp19");
  assert.deepEqual(names["recommended"], [
    "Recommended (Weekly 2077_43, SAL Cycle 0045, Build 003, RSP Build 19)",
    "w_2077_43_c0045.003_rsp19",
  ]);
});

test("the alias's own cycle is not in the name that it gets", () => {
  assert.equal(
    described("latest_weekly_c0046", "w_2077_43")["latest_weekly_c0046"]?.[0],
    "Latest Weekly (Weekly 2077_43)",
  );
});

test("an alias takes cycle and date of its target, even where it has a cycle of its own", () => {
  const { byTag } = catalogOf(imageSettings(), listing(["recommended_c0046", "a"], ["d_2077_10_23", "a"]));
  const alias = byTag.get("recommended_c0046")?.tag;
  assert.equal(alias?.cycle, null);
  assert.equal(alias?.date, Date.UTC(2077, 9, 23));
});

test("an alias without architecture takes its target's, and shows it once", () => {
  const { byTag } = catalogOf(imageSettings(), listing(["recommended", "a"], ["w_2077_43-arm64", "a"]));
  const alias = byTag.get("recommended")?.tag;
  assert.equal(alias?.architecture, "arm64");
  assert.equal(alias?.displayName, "Recommended (Weekly 2077_43) [arm64]");
});

test("an alias keeps its own architecture, and the target's is named where it is another", () => {
  assert.equal(
    described("recommended-arm64", "w_2077_43")["recommended-arm64"]?.[0],
    "Recommended (Weekly 2077_43) [arm64]",
  );
  assert.equal(
    described("recommended-arm64", "w_2077_43-amd64")["recommended-arm64"]?.[0],
    "Recommended (Weekly 2077_43 [amd64]) [arm64]",
  );
});

test("a group of names alone is resolved to nothing", () => {
  const { byTag } = catalogOf(imageSettings(), listing(["recommended", "a"], ["zebra", "a"]));
  assert.equal(byTag.get("recommended")?.tag.displayName, "Recommended");
  assert.deepEqual(byTag.get("recommended")?.aliases, ["zebra"]);
  assert.equal(byTag.get("zebra")?.tag.type, "UNKNOWN");
  assert.equal(byTag.get("zebra")?.aliasTarget, null);
});

test("aliases are all other tags of the group, sorted by code point, without the own target", () => {
  const tags = listing(["b", "a"], ["B", "a"], ["w_2077_43", "a"], ["d_2077_10_23", "a"], ["other", "z"]);
  const { byTag } = catalogOf(imageSettings(), tags);
  assert.deepEqual(byTag.get("b")?.aliases, ["B", "d_2077_10_23"]);
  assert.deepEqual(byTag.get("w_2077_43")?.aliases, ["B", "b", "d_2077_10_23"]);
  assert.deepEqual(byTag.get("d_2077_10_23")?.aliases, ["B", "b", "w_2077_43"]);
  assert.deepEqual(byTag.get("other")?.aliases, []);
});

test("F7: 10,000 tags on one digest list 20 aliases each, with their number", () => {
  const names = Array.from({ length: 10_000 }, (_, number) => `build_${String(number).padStart(5, "0")}`);
  const first = names.slice(0, 21);
  const { byTag } = catalogOf(imageSettings(), listing(...[...names, "w_2077_43"].map((tag): ListedTag => [tag, "a"])));
  const aliasesOf = (tag: string) => byTag.get(tag)?.aliases;
  assert.deepEqual(aliasesOf("build_00003"), [...first.slice(0, 3), ...first.slice(4)]);
  assert.deepEqual(aliasesOf("build_09999"), first.slice(0, 20));
  assert.equal(aliasesOf("build_09999"), aliasesOf("build_05000"), "one list for all that are not in it");
  assert.deepEqual([byTag.get("build_09999")?.aliasCount, byTag.get("w_2077_43")?.aliasCount], [9_999, 10_000]);
});

test("F7: an alias target that is left out of the list makes room for one more", () => {
  const names = Array.from({ length: 30 }, (_, number) => `z_${String(number).padStart(2, "0")}`);
  const { byTag } = catalogOf(imageSettings(), listing(...[...names, "w_2077_43"].map((tag): ListedTag => [tag, "a"])));
  const last = byTag.get("z_29");
  assert.equal(last?.aliasTarget, "w_2077_43");
  assert.deepEqual(last?.aliases, names.slice(0, 20));
  assert.equal(last?.aliasCount, 29);
});

test("the size is the registry's where it reports one above zero, else the largest that a node reports", () => {
  const tags = listing(["recommended", "a", 7], ["w_2077_43", "a", 0], ["d_2077_10_23", "b"]);
  const nodes = [3, 5].map((size, at) => ({
    name: `n${at}`,
    uid: `u${at}`,
    ...NO_TRAITS,
    architecture: null,
    taints: [],
    images: [{ digests: [digest("a")], sizeBytes: size }],
  }));
  const snapshot = snapshotOf({ tags, nodes });
  assert.equal(found(snapshot.imageForTag("recommended")).image.sizeBytes, 7);
  assert.equal(found(snapshot.imageForTag("w_2077_43")).image.sizeBytes, 5);
  assert.equal(found(snapshot.imageForTag("d_2077_10_23")).image.sizeBytes, null);
});
