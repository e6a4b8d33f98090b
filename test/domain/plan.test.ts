import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { runToCompletion } from "../../src/domain/cooperative.ts";
import { planCatalog } from "../../src/domain/images/catalog-plan.ts";
import type { ImageSettings } from "../../src/domain/settings.ts";
import { sortTags } from "../../src/domain/tags/tag-order.ts";
import { isRunnableTag, isValidTag, parseTag } from "../../src/domain/tags/tag-parse.ts";
import { createDefaultSource } from "../support/default-source.ts";
import { imageSettings, type ListedTag, listing, nodeReport, snapshotOf } from "../support/image-world.ts";
import { nearlyTag } from "./tag-arbitrary.ts";

/** The tags of the prepull set, in display order. */
function chosen(settings: Partial<ImageSettings>, ...tags: readonly string[]): readonly string[] {
  const listed = listing(...tags.map((tag): ListedTag => [tag]));
  const plan = runToCompletion(planCatalog(createDefaultSource(imageSettings(settings)), listed, null, 0));
  return plan.tags.map(({ tag }) => tag).filter((tag) => plan.prepull.has(tag));
}

test("the set has the first releases, weeklies and dailies in display order", () => {
  const tags = ["r28_0_0", "r29_0_0", "w_2077_42", "w_2077_43", "w_2077_44", "d_2077_10_22", "d_2077_10_23"];
  assert.deepEqual(chosen({ numReleases: 1, numWeeklies: 2, numDailies: 3 }, ...tags), [
    "r29_0_0",
    "w_2077_44",
    "w_2077_43",
    "d_2077_10_23",
    "d_2077_10_22",
  ]);
});

test("zero of a type is none of it, and other types are never counted", () => {
  assert.deepEqual(chosen({ numWeeklies: 0 }, "w_2077_43", "r29_0_0_rc1", "exp_w_2077_43_x", "zebra"), []);
});

test("architecture-specific tags do not count, and take no place", () => {
  assert.deepEqual(chosen({ numWeeklies: 1 }, "w_2077_43-arm64", "w_2077_42"), ["w_2077_42"]);
});

test("the recommended tag and the pins belong to it where they exist, whatever their architecture", () => {
  const settings = { recommendedTag: "w_2077_43-arm64", pin: ["zebra", "exp_x", "gone"] };
  assert.deepEqual(chosen(settings, "w_2077_43-arm64", "zebra", "exp_x", "other"), [
    "w_2077_43-arm64",
    "exp_x",
    "zebra",
  ]);
});

test("a pin that is among the first of its type is there once, and takes a place like the others", () => {
  const settings = { numWeeklies: 1, pin: ["w_2077_43", "w_2077_43"] };
  assert.deepEqual(chosen(settings, "w_2077_42", "w_2077_43"), ["w_2077_43"]);
});

test("F23: the recommended tag and pins that name no tag are reported, each once, in the order of the configuration", () => {
  const pin = ["w_1", "zebra", "w_1", "recommended", "exp_x"];
  const missing = (...tags: readonly string[]) =>
    snapshotOf({
      settings: { pin },
      tags: listing(...tags.map((tag): ListedTag => [tag, tag])),
      nodes: [nodeReport("n")],
    })
      .problems()
      .map(({ reason, tag }) => [reason, tag]);
  assert.deepEqual(missing("zebra"), [
    ["RECOMMENDED_TAG_MISSING", "recommended"],
    ["PINNED_TAG_MISSING", "w_1"],
    ["PINNED_TAG_MISSING", "exp_x"],
  ]);
  assert.deepEqual(missing("recommended", "zebra", "w_1", "exp_x"), []);
});

test("the set is a part of what exists, with every wanted tag, and of a type at most what is asked for", () => {
  const counts = fc.record({ numReleases: fc.nat(3), numWeeklies: fc.nat(3), numDailies: fc.nat(3) });
  fc.assert(
    fc.property(
      fc.uniqueArray(nearlyTag.filter(Boolean), { maxLength: 30 }),
      counts,
      fc.nat(5),
      (texts, settings, pins) => {
        const tags = sortTags(texts.map(parseTag));
        const pin = texts.slice(0, pins);
        const set = new Set(chosen({ ...settings, pin }, ...texts));
        const rest = tags.filter(({ tag }) => set.has(tag) && !pin.includes(tag));
        assert.equal([...set].length, tags.filter(({ tag }) => set.has(tag)).length);
        for (const { tag } of tags)
          if (pin.includes(tag) && isValidTag(tag)) assert.ok(set.has(tag) || !isRunnableTag(tag));
        assert.ok(rest.filter(({ type }) => type === "RELEASE").length <= settings.numReleases);
        assert.ok(rest.filter(({ type }) => type === "WEEKLY").length <= settings.numWeeklies);
        assert.ok(rest.filter(({ type }) => type === "DAILY").length <= settings.numDailies);
        assert.ok(rest.every(({ architecture }) => architecture === null));
      },
    ),
  );
});
