import assert from "node:assert/strict";
import { test } from "node:test";
import { createRubinScheme } from "../../../src/domain/schemes/rubin.ts";
import { listed, readerOf, readInOrder, readTags } from "./tag-reading.ts";

const scheme = createRubinScheme(null);

test("a source of SQR-059 tags has its classes, in display order", () => {
  const tags = ["d_2026_11_26", "exp_w_2026_47", "r30_0_0_rc1", "main", "w_2026_47", "r29_0_0", "latest_weekly"];
  assert.deepEqual(readInOrder(scheme, tags, { aliases: ["latest_.*"] }), [
    "latest_weekly alias",
    "r29_0_0 release",
    "w_2026_47 weekly",
    "d_2026_11_26 daily",
    "r30_0_0_rc1 releaseCandidate",
    "exp_w_2026_47 experimental",
    "main other",
  ]);
});

test("only what the grammar cannot read becomes an alias", () => {
  const options = { aliases: [".*"], aliasTags: ["w_2026_47", "w_2026_54"] };
  assert.deepEqual(readInOrder(scheme, ["w_2026_54", "w_2026_47"], options), ["w_2026_54 alias", "w_2026_47 weekly"]);
});

test("architectures are variants of one version, and so are spellings", () => {
  const [plain, amd64, spelt, other] = readTags(scheme, [
    "w_2026_7",
    "w_2026_7-amd64",
    "w_2026_07",
    "w_2026_7_c0044.001",
  ]);
  assert.ok(plain && amd64 && spelt && other);
  assert.equal(amd64.variant, "amd64");
  assert.ok(scheme.isSameVersion(plain, amd64));
  assert.ok(scheme.isSameVersion(plain, spelt));
  assert.ok(!scheme.isSameVersion(plain, other));
});

test("with a cycle, tags of another one or of none are left out", () => {
  const reader = readerOf(createRubinScheme(44), { aliases: ["recommended.*"] });
  const kept = ["w_2026_7_c0044.001", "recommended_c0044", "odd_c0044"];
  for (const tag of kept) assert.ok(!reader.isLeftOut(tag), tag);
  for (const tag of ["w_2026_7_c0045.001", "w_2026_7", "recommended", "no tag"]) assert.ok(reader.isLeftOut(tag), tag);
});

test("invalid tags, referrers and ignored tags are left out, alone and in a listing", () => {
  const tags = ["w_2026_47", "a b", `sha256-${"0".repeat(64)}.sig`, "w_2026_46-debug"];
  const reader = readerOf(scheme, { ignore: [".*-debug"] });
  assert.deepEqual(readInOrder(scheme, tags, { ignore: [".*-debug"] }), ["w_2026_47 weekly"]);
  for (const tag of tags) {
    const read = reader.readTag(listed(tag), new Set());
    assert.equal(read === null, reader.isLeftOut(tag), tag);
  }
});

test("dates and numbers are there for the classes that have them", () => {
  const { date, major } = scheme.abilities("weekly");
  assert.deepEqual({ date, major }, { date: true, major: false });
  assert.deepEqual(scheme.abilities("release"), { order: true, major: true, minor: true, date: false, variant: true });
});
