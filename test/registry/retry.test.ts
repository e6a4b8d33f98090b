import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { retryAfterMs } from "../../src/registry/http/retry.ts";
import { errorCode } from "../../src/registry/oci/error-code.ts";
import { isDigest, isImageTag } from "../../src/registry/oci/tag-names.ts";

describe("retries", () => {
  it("reads Retry-After as seconds or as a date", () => {
    const now = Date.UTC(2077, 9, 23, 12, 0, 0);
    const cases: [string | null, number | null][] = [
      [null, null],
      ["7", 7_000],
      [" 0 ", 0],
      ["999999999", 999_999_999_000],
      ["9".repeat(400), Number.POSITIVE_INFINITY],
      ["Sat, 23 Oct 2077 12:00:30 GMT", 30_000],
      ["Sat, 23 Oct 2077 11:00:00 GMT", 0],
      ["Sat, 23 Oct 2078 12:00:00 GMT", 365 * 86_400_000],
      ["-1", null],
      ["1.5", null],
      ["soon", null],
      ["Sat, never", null],
    ];
    for (const [header, expected] of cases) assert.equal(retryAfterMs(header, now), expected, String(header));
  });

  it("takes from a library's error its code alone", () => {
    const refused = Object.assign(new Error("secret"), { code: "ECONNREFUSED" });
    assert.equal(errorCode(refused), "ECONNREFUSED");
    assert.equal(errorCode(new AggregateError([refused])), "ECONNREFUSED");
    assert.equal(errorCode(new Error("x", { cause: refused })), "ECONNREFUSED");
    for (const other of [
      null,
      "ECONNREFUSED",
      new Error("x"),
      { code: 7 },
      { code: "has a secret" },
      new AggregateError([]),
    ]) {
      assert.equal(errorCode(other), "unknown");
    }
  });
});

describe("names of tags and digests", () => {
  it("takes valid tags of images alone", () => {
    const hex = "0123456789abcdef".repeat(4);
    for (const tag of ["latest", "__proto__", "w_2077_43", "a".repeat(128), "sha256-abc", `sha256-${hex}0`, "_"]) {
      assert.equal(isImageTag(tag), true, tag);
    }
    const others = ["", ".a", "-a", "a".repeat(129), "a b", "a/b", "a\n", "ä"];
    for (const tag of [
      ...others,
      `sha256-${hex}`,
      `sha256-${hex}.sig`,
      `sha256-${hex}.att`,
      `sha512-${hex}`,
      `sha256-${hex}-x`,
    ]) {
      assert.equal(isImageTag(tag), false, tag);
    }
  });

  it("takes digests in canonical form alone", () => {
    const hex = "0123456789abcdef".repeat(4);
    for (const digest of [`sha256:${hex}`, `sha512:${hex}${hex}`]) assert.equal(isDigest(digest), true);
    for (const digest of ["", hex, `sha256:${hex.toUpperCase()}`, `sha256:${hex}0`, `md5:${hex}`, `sha256:${hex}\n`]) {
      assert.equal(isDigest(digest), false);
    }
  });
});
