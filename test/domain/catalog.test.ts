import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { runToCompletion } from "../../src/domain/cooperative.ts";
import type { Catalog } from "../../src/domain/images/catalog.ts";
import { planCatalog } from "../../src/domain/images/catalog-plan.ts";
import { completeCatalog } from "../../src/domain/images/complete-catalog.ts";
import type { RemoteTag } from "../../src/domain/tags/remote-tag.ts";
import { sortTags } from "../../src/domain/tags/tag-order.ts";
import { createDefaultSource } from "../support/default-source.ts";
import {
  catalogOf,
  digest,
  imageSettings,
  listing,
  nextSnapshot,
  PREFIX,
  resolved,
  snapshotOf,
} from "../support/image-world.ts";
import { anyListing, anySettings } from "../support/world-arbitrary.ts";

function tagsOf({ entries }: Pick<Catalog, "entries">): readonly string[] {
  return entries.map(({ tag }) => tag.tag);
}

test("with a cycle, tags of another one or of none are dropped before anything else", () => {
  const tags = listing(
    ["w_2077_43_c0045.001"],
    ["w_2077_44_c0046.001"],
    ["w_2077_45"],
    ["recommended_c0045"],
    ["recommended"],
  );
  const settings = imageSettings({ cycle: 45, numWeeklies: 2, aliasTags: ["recommended_c0045"] });
  const later = listing(["w_2077_43_c0045.001", "a"]);
  const catalog = catalogOf(settings, tags, null, later);
  assert.deepEqual(tagsOf(catalog), ["recommended_c0045", "w_2077_43_c0045.001"]);
  assert.deepEqual(
    catalog.prepullSet.map(({ tag }) => tag.tag),
    ["w_2077_43_c0045.001"],
  );
});

test("what is no valid tag, no runnable image or listed twice is ignored", () => {
  const tags = listing(["w_2077_43", "a"], ["w_2077_43", "b"], [""], ["-x"], ["a/b"], [`sha256-${"0".repeat(64)}.sig`]);
  const catalog = catalogOf(imageSettings(), tags);
  assert.deepEqual(tagsOf(catalog), ["w_2077_43"]);
  assert.equal(catalog.byTag.get("w_2077_43")?.digest, digest("a"));
});

test("names of properties that every object has are tags like any other", () => {
  const catalog = catalogOf(imageSettings({ pin: ["__proto__"] }), listing(["__proto__", "a"], ["constructor", "a"]));
  assert.deepEqual(tagsOf(catalog), ["constructor", "__proto__"]);
  assert.deepEqual(tagsOf({ entries: catalog.prepullSet }), ["__proto__"]);
});

test("only digests of the prepull set that the listing did not have are to be asked for", () => {
  const settings = imageSettings({ numWeeklies: 2, pin: ["zebra"] });
  const tags = listing(["w_2077_43"], ["w_2077_42", "b"], ["w_2077_41"], ["recommended"], ["zebra"], ["d_2077_10_23"]);
  const plan = runToCompletion(planCatalog(createDefaultSource(settings), tags, null, 0));
  assert.deepEqual(plan.unresolved, ["recommended", "w_2077_43", "zebra"]);
});

test("a tag that vanished before its digest was known is left out, the others stay", () => {
  const settings = imageSettings({ numWeeklies: 2 });
  const tags = listing(["w_2077_43"], ["w_2077_42"], ["w_2077_41"]);
  const catalog = catalogOf(settings, tags, null, listing(["w_2077_42", "b"]));
  assert.deepEqual(tagsOf(catalog), ["w_2077_42", "w_2077_41"]);
  assert.equal(catalog.byTag.get("w_2077_41")?.digest, null);
});

test("references name registry, repository and tag, and the digest where it is known", () => {
  const catalog = catalogOf(imageSettings(), listing(["w_2077_43", "a"], ["w_2077_42"]));
  const images = nextSnapshot(snapshotOf({ tags: [] }), { catalog }).images().images;
  assert.deepEqual(
    images.map(({ reference, pullReference }) => [reference, pullReference]),
    [
      [`${PREFIX}w_2077_43`, `${PREFIX}w_2077_43@sha256:a`],
      [`${PREFIX}w_2077_42`, `${PREFIX}w_2077_42`],
    ],
  );
});

test("lists leave architecture-specific images out unless they are in the prepull set", () => {
  const settings = imageSettings({ pin: ["w_2077_43-arm64"] });
  const tags = listing(["w_2077_43-amd64", "a"], ["w_2077_43-arm64", "b"], ["w_2077_43", "c"], ["zebra-amd64", "d"]);
  const catalog = catalogOf(settings, tags);
  assert.deepEqual(tagsOf({ entries: catalog.listed }), ["w_2077_43", "w_2077_43-arm64"]);
  assert.ok(catalog.byTag.has("w_2077_43-amd64"));
});

test("an alias that takes an architecture from its target is left out with it", () => {
  const catalog = catalogOf(imageSettings(), listing(["zebra", "a"], ["w_2077_43-amd64", "a"]));
  assert.deepEqual(catalog.listed, []);
});

test("images stand in display order after aliases are resolved", () => {
  const tags = listing(["zebra", "a"], ["w_2077_43", "a"], ["r29_0_0", "b"], ["recommended", "b"], ["unknown"]);
  assert.deepEqual(tagsOf(catalogOf(imageSettings(), tags)), [
    "zebra",
    "recommended",
    "r29_0_0",
    "w_2077_43",
    "unknown",
  ]);
});

test("the same listing again gives the same entries, and the list as it was", () => {
  const settings = imageSettings({ numWeeklies: 1 });
  const tags = listing(["w_2077_43", "a"], ["zebra", "a"], ["w_2077_42"]);
  const first = catalogOf(settings, tags);
  const second = catalogOf(settings, tags, first);
  assert.equal(second.entries, first.entries);
  assert.equal(second.listed, first.listed);
});

test("only the entries that differ are made again", () => {
  const settings = imageSettings({ numWeeklies: 1 });
  const first = catalogOf(settings, listing(["w_2077_43", "a"], ["w_2077_42", "b"], ["d_2077_10_23", "c"]));
  const second = catalogOf(settings, listing(["w_2077_43", "a"], ["w_2077_42", "z"], ["d_2077_10_23", "c", 5]), first);
  assert.equal(second.byTag.get("w_2077_43"), first.byTag.get("w_2077_43"));
  assert.equal(second.byTag.get("w_2077_42")?.digest, digest("z"));
  assert.equal(second.byTag.get("d_2077_10_23")?.registrySize, 5);
});

test("tags that have been parsed are not parsed again", () => {
  const settings = imageSettings();
  const first = catalogOf(settings, listing(["w_2077_43"], ["zebra"]));
  const second = catalogOf(settings, listing(["w_2077_43", "a"], ["other"], ["zebra", "a"]), first);
  assert.equal(second.byTag.get("w_2077_43")?.parsed, first.byTag.get("w_2077_43")?.parsed);
  assert.equal(second.byTag.get("zebra")?.parsed, first.byTag.get("zebra")?.parsed);
});

/** A catalog without what remembers how it was made. */
function content({ entries, byTag, groups, listed, prepullSet, registry, repository }: Catalog): unknown {
  for (const [at, entry] of entries.entries()) {
    assert.deepEqual([byTag.get(entry.tag.tag), byTag.positionOf(entry)], [entry, at]);
  }
  return { entries, groups, listed, prepullSet, registry, repository };
}

test("a catalog is the same with and without the one before it", () => {
  fc.assert(
    fc.property(anySettings, fc.array(anyListing, { minLength: 2, maxLength: 4 }), (settings, listings) => {
      let before: Catalog | null = null;
      for (const [tags, later] of listings) {
        const after = catalogOf(settings, tags, before, later);
        assert.deepEqual(content(after), content(catalogOf(settings, tags, null, later)));
        before = after;
      }
    }),
  );
});

test("work in slices comes to the same as the whole at once, whatever happens in between", () => {
  const many: RemoteTag[] = [];
  for (let week = 1; week <= 52; week++) {
    for (let year = 2000; year < 2040; year++)
      many.push({ tag: `w_${year}_${week}`, digest: `d${week}`, sizeBytes: null });
  }
  const tags = [...many, ...listing(["zebra", "1"], ["recommended", "2"])];
  const settings = imageSettings({ numWeeklies: 3 });
  const whole = catalogOf(settings, tags);
  const work = planCatalog(createDefaultSource(settings), tags, null, 0);
  let slices = 0;
  for (let step = work.next(); ; step = work.next()) {
    catalogOf(settings, listing(["zebra", "x"]));
    if (!step.done) {
      slices += 1;
      continue;
    }
    const catalog = runToCompletion(completeCatalog(step.value, resolved([]), null));
    assert.deepEqual(content(catalog), content(whole));
    break;
  }
  assert.ok(slices > tags.length / 600, `${slices} slices`);
});

test("the order of the listing does not matter", () => {
  fc.assert(
    fc.property(anySettings, anyListing, (settings, [tags, later]) => {
      const once = [...new Map(tags.map((entry) => [entry.tag, entry])).values()];
      const turned = catalogOf(settings, once.toReversed(), null, later);
      assert.deepEqual(content(turned), content(catalogOf(settings, once, null, later)));
      const shown = turned.entries.map(({ tag }) => tag);
      assert.deepEqual(shown, sortTags(shown));
    }),
  );
});
