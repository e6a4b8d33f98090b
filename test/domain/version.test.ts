import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { TagVersion } from "../../src/domain/tags/tag.ts";
import { compareVersions, parseVersion } from "../../src/domain/tags/version.ts";

function version(text: string): TagVersion {
  const parsed = parseVersion(text);
  assert.ok(parsed !== null, text);
  return parsed;
}

test("semantic versions are read", () => {
  assert.deepEqual(version("26.0.1-rc1+b.5"), { major: 26, minor: 0, patch: 1, prerelease: "rc1", build: "b.5" });
  assert.deepEqual(version("0.0.0"), { major: 0, minor: 0, patch: 0, prerelease: null, build: null });
});

test("other texts are not", () => {
  for (const text of [
    "",
    "22",
    "22.0",
    "v22.0.0",
    "022.0.0",
    "22.0.0-",
    "22.0.0-01",
    "22.0.0-a..b",
    "22.0.0+",
    "1.2.3\n",
  ]) {
    assert.equal(parseVersion(text), null, text);
  }
});

test("precedence is that of Semantic Versioning, with the number after rc as a number", () => {
  const ascending = [
    "1.0.0-1",
    "1.0.0-2",
    "1.0.0-11111111111111111112",
    "1.0.0-11111111111111111113",
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta",
    "1.0.0-rc",
    "1.0.0-rc1",
    "1.0.0-rc9",
    "1.0.0-rc10",
    "1.0.0-rc1a",
    "1.0.0",
    "1.0.1",
    "1.1.0",
    "2.0.0",
  ].map(version);
  for (const [low, a] of ascending.entries()) {
    for (const [high, b] of ascending.entries()) assert.equal(Math.sign(compareVersions(a, b)), Math.sign(low - high));
  }
});

test("build metadata does not count", () => {
  assert.equal(compareVersions(version("1.0.0+a"), version("1.0.0+b")), 0);
});

test("precedence is antisymmetric and transitive", () => {
  const identifier = fc.constantFrom("rc", "rc1", "rc01", "rc2", "rc10", "rc1a", "rb", "rd", "1", "10", "2", "-");
  const any = fc
    .array(identifier, { maxLength: 3 })
    .map((parts) => version(`1.0.0${parts.length > 0 ? "-" : ""}${parts.join(".")}`));
  fc.assert(
    fc.property(any, any, any, (a, b, c) => {
      assert.equal(Math.sign(compareVersions(a, b)), -Math.sign(compareVersions(b, a)) + 0);
      if (compareVersions(a, b) <= 0 && compareVersions(b, c) <= 0) assert.ok(compareVersions(a, c) <= 0);
    }),
    { numRuns: 5000 },
  );
});
