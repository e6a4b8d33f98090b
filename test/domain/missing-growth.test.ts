import assert from "node:assert/strict";
import { test } from "node:test";
import type { NodeMissingImages } from "../../src/domain/snapshot/answers.ts";
import { addsToMissing } from "../../src/domain/snapshot/missing-growth.ts";
import { listing, nodeReport, snapshotOf } from "../support/image-world.ts";

const SETTINGS = { numWeeklies: 3 };
const TAGS = listing(["w_2077_43", "a"], ["w_2077_42", "b"], ["w_2077_41", "c"]);

/** What nodes lack that have the images named. */
function lacking(nodes: Readonly<Record<string, string>>): readonly NodeMissingImages[] {
  const reports = Object.entries(nodes).map(([name, ids]) =>
    nodeReport(name, { images: Object.fromEntries(ids.split("").map((id) => [id, 1])) }),
  );
  return snapshotOf({ settings: SETTINGS, tags: TAGS, nodes: reports }).missing();
}

test("a node that joins with something missing adds to it, one that has all does not", () => {
  assert.ok(addsToMissing(lacking({}), lacking({ n1: "ab" })));
  assert.ok(!addsToMissing(lacking({}), lacking({ n1: "abc" })));
});

test("a node that loses an image adds to what is missing", () => {
  assert.ok(addsToMissing(lacking({ n1: "ab" }), lacking({ n1: "a" })));
  assert.ok(addsToMissing(lacking({ n1: "ab" }), lacking({ n1: "ac" })));
  assert.ok(addsToMissing(lacking({ n1: "abc", n2: "a" }), lacking({ n1: "ab", n2: "a" })));
});

test("less missing, nodes that leave, and no change add nothing", () => {
  const missing = lacking({ n1: "a", n2: "b" });
  assert.ok(!addsToMissing(missing, missing));
  assert.ok(!addsToMissing(missing, [...missing]));
  assert.ok(!addsToMissing(missing, lacking({ n1: "ab", n2: "b" })));
  assert.ok(!addsToMissing(missing, lacking({ n2: "b" })));
  assert.ok(!addsToMissing(missing, []));
});
