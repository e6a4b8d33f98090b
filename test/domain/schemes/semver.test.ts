import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createSemverScheme } from "../../../src/domain/schemes/semver.ts";
import { SWAN, Z2JH } from "./tag-lists.ts";
import { readInOrder, readTags, versionsOf } from "./tag-reading.ts";

const scheme = createSemverScheme();

test("versions come the highest first, by precedence, with v and without", () => {
  assert.deepEqual(versionsOf(scheme, Z2JH), Z2JH.toReversed());
  assert.deepEqual(versionsOf(scheme, SWAN), [
    "v7.1.0",
    "v5.1.1",
    "v5.0.2",
    "v4.0",
    "v3.23",
    "v3.10",
    "v1.9",
    "v0.0.22",
  ]);
  assert.deepEqual(versionsOf(scheme, ["1.2.3", "v1.2.3", "1.2.3-rc10", "1.2.3-rc9", "1.2.3-0"]), [
    "v1.2.3 1.2.3",
    "1.2.3-rc10",
    "1.2.3-rc9",
    "1.2.3-0",
  ]);
});

test("two numbers are a version only while there is no release with a third", () => {
  const tags = ["4.3", "4.3.1", "4.2", "4.2.0-rc.1", "v3.2", "3.2.0", "4", "20240115", "1.02", "1.02.3"];
  assert.deepEqual(readInOrder(scheme, tags), [
    "4.3.1 release",
    "4.2 release",
    "4.2.0-rc.1 prerelease",
    "3.2.0 release",
    ...["v3.2", "4.3", "4", "20240115", "1.02.3", "1.02"].map((tag) => `${tag} other`),
  ]);
});

test("a release that is ignored or an alias moves no tag of two numbers", () => {
  for (const options of [{ ignore: [String.raw`4\.3\.1`] }, { aliases: [String.raw`4\.3\.1`] }]) {
    assert.ok(readInOrder(scheme, ["4.3", "4.3.1"], options).includes("4.3 release"));
  }
});

test("a version is read back as it was written", () => {
  const number = fc.nat({ max: 999 });
  const version = fc.tuple(number, number, number, fc.constantFrom("", "-rc1", "-beta.2", "-0.dev.git.7011.h1a2b"));
  fc.assert(
    fc.property(version, fc.boolean(), ([major, minor, patch, prerelease], hasV) => {
      const [tag] = readTags(scheme, [`${hasV ? "v" : ""}${major}.${minor}.${patch}${prerelease}`]);
      assert.ok(tag?.version);
      const written = `${tag.version.major}.${tag.version.minor}.${tag.version.patch}`;
      assert.equal(
        `${written}${tag.version.prerelease === null ? "" : `-${tag.version.prerelease}`}`,
        tag.tag.replace(/^v/, ""),
      );
      assert.equal(tag.type, prerelease === "" ? "RELEASE" : "RELEASE_CANDIDATE");
    }),
  );
});

test("numbers of any length are distinguished", () => {
  const [low, high] = ["1.0.9007199254740992", "1.0.9007199254740993"];
  assert.deepEqual(versionsOf(scheme, [low, high, "1.0.9007199254740991"]), [high, low, "1.0.9007199254740991"]);
});
