import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseAliasTag, parseTagFor, titleCase } from "../../src/domain/tags/alias-parse.ts";
import { parseTag } from "../../src/domain/tags/tag-parse.ts";
import { nearlyTag } from "./tag-arbitrary.ts";

test("an alias has a title-cased name, an optional cycle and an optional architecture", () => {
  const alias = parseAliasTag("latest_weekly_c0046-arm64");
  assert.equal(alias.type, "ALIAS");
  assert.equal(alias.displayName, "Latest Weekly (SAL Cycle 0046) [arm64]");
  assert.deepEqual([alias.base, alias.cycle, alias.architecture], ["latest_weekly", 46, "arm64"]);
});

test("an empty alias means latest", () => {
  assert.deepEqual(parseAliasTag(""), parseAliasTag("latest"));
});

test("each run of letters gets a capital and goes on in lower case", () => {
  assert.equal(titleCase("x1y_DEV_1st__c3po-Ab"), "X1Y Dev 1St  C3Po-Ab");
  assert.equal(titleCase(""), "");
});

test("for a configuration, its names are aliases where they would otherwise be unknown", () => {
  const aliases = new Set(["recommended", "w_2077_43", "latest", "exp_x"]);
  assert.equal(parseTagFor("recommended", aliases).type, "ALIAS");
  assert.equal(parseTagFor("", aliases).type, "ALIAS");
  assert.equal(parseTagFor("w_2077_43", aliases).type, "WEEKLY");
  assert.equal(parseTagFor("exp_x", aliases).type, "EXPERIMENTAL");
  assert.equal(parseTagFor("other", aliases).type, "UNKNOWN");
});

test("an alias and an unknown tag of one name have the same parts", () => {
  fc.assert(
    fc.property(nearlyTag, (text) => {
      const unknown = parseTag(text);
      fc.pre(unknown.type === "UNKNOWN");
      const alias = parseAliasTag(text);
      assert.deepEqual({ ...alias, type: "UNKNOWN", displayName: unknown.displayName }, unknown);
    }),
  );
});
