import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Tag } from "../../src/domain/tags/tag.ts";
import { isRunnableTag, isValidTag, parseTag } from "../../src/domain/tags/tag-parse.ts";
import { architecture, digits, nearlyTag } from "./tag-arbitrary.ts";

const HEX = "0123456789abcdef".repeat(4);

function summary(tag: string): [type: string, displayName: string] {
  const { type, displayName } = parseTag(tag);
  return [type, displayName];
}

test("each form has its type and display name", () => {
  assert.deepEqual(summary("r29_0_0_rc1"), ["RELEASE_CANDIDATE", "Release Candidate r29.0.0-rc1"]);
  assert.deepEqual(summary("r29_0_0"), ["RELEASE", "Release r29.0.0"]);
  assert.deepEqual(summary("r170"), ["RELEASE", "Release r17.0.0"]);
  assert.deepEqual(summary("w_2077_43"), ["WEEKLY", "Weekly 2077_43"]);
  assert.deepEqual(summary("d_2077_10_23"), ["DAILY", "Daily 2077_10_23"]);
  assert.deepEqual(summary("exp_w_2077_43_foo"), ["EXPERIMENTAL", "Experimental Weekly 2077_43 [foo]"]);
  assert.deepEqual(summary("recommended_c0027"), ["UNKNOWN", "recommended (SAL Cycle 0027)"]);
});

test("an empty tag means latest", () => {
  assert.equal(parseTag("").tag, "latest");
});

test("all optional parts are read, and shown with their digits as written", () => {
  assert.deepEqual(parseTag("r022_00_1_rc01_c0045.003_rsp19_a_b-amd64"), {
    tag: "r022_00_1_rc01_c0045.003_rsp19_a_b-amd64",
    type: "RELEASE_CANDIDATE",
    displayName: "Release Candidate r22.0.1-rc01 (SAL Cycle 0045, Build 003) (RSP Build 19) [a_b] [amd64]",
    version: { major: 22, minor: 0, patch: 1, prerelease: "rc01", build: null },
    semantic: true,
    base: null,
    cycle: 45,
    cycleBuild: 3,
    build: 19,
    extra: "a_b",
    architecture: "amd64",
    date: null,
  } satisfies Tag);
});

test("a part that does not fit its form is extra text", () => {
  assert.equal(parseTag("r22_0_1_rc1x").extra, "rc1x");
  assert.equal(parseTag("r22_0_1_rc1_").extra, "rc1_");
  assert.equal(parseTag("r22_0_1_c0020").extra, "c0020");
  assert.equal(parseTag("w_2077_43_rsp19_").extra, "rsp19_");
  assert.equal(parseTag("w_2077_43_rsp19-AMD64").extra, "rsp19-AMD64");
  assert.equal(parseTag("w_2077_43_-amd64").extra, "-amd64");
});

test("what cannot be true falls through to unknown", () => {
  for (const tag of ["w_2021_53", "w_0_1", "d_2021_13_01", "d_2021_02_31", "d_10000_01_01", "r170_0", "r1700"]) {
    assert.equal(parseTag(tag).type, "UNKNOWN", tag);
    assert.equal(parseTag(`exp_${tag}`).displayName, `Experimental ${tag}`);
  }
});

test("an experimental tag needs a rest, and takes everything but the type from it", () => {
  assert.equal(parseTag("exp_").type, "UNKNOWN");
  assert.equal(parseTag("exp_exp_").base, "exp_");
  const { type, displayName, tag, ...rest } = parseTag("exp_exp_d_2077_10_23_rsp1-arm64");
  assert.deepEqual(
    [type, displayName],
    ["EXPERIMENTAL", "Experimental Experimental Daily 2077_10_23 (RSP Build 1) [arm64]"],
  );
  const { type: _type, displayName: _name, tag: _tag, ...plain } = parseTag("d_2077_10_23_rsp1-arm64");
  assert.deepEqual(rest, plain);
  assert.equal(tag, "exp_exp_d_2077_10_23_rsp1-arm64");
});

test("only releases, candidates and experimental builds of those are semantic", () => {
  for (const tag of ["r1_2_3", "r1_2_3_rc4", "r170", "exp_r1_2_3"]) assert.ok(parseTag(tag).semantic, tag);
  for (const tag of ["w_2077_43", "d_2077_10_23", "exp_w_2077_43", "latest"]) assert.ok(!parseTag(tag).semantic, tag);
});

test("numbers beyond 2^53 keep their digits in the display name", () => {
  assert.equal(parseTag("r0100000000000000000000001_0_0").displayName, "Release r100000000000000000000001.0.0");
});

test("parts that are printed are read back", () => {
  const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary);
  const word = fc.constantFrom("foo", "nosudo", "DM-42", "20210513", "x.y");
  fc.assert(
    fc.property(
      fc.constantFrom("r22_0_1", "r22_0_1_rc2", "w_2077_43", "d_2077_10_23", "exp_w_2077_43"),
      optional(fc.tuple(digits, digits)),
      optional(digits),
      optional(word),
      optional(architecture),
      (start, cycle, build, extra, arch) => {
        const text = [
          start,
          cycle === null ? "" : `_c${cycle[0]}.${cycle[1]}`,
          build === null ? "" : `_rsp${build}`,
          extra === null ? "" : `_${extra}`,
          arch === null ? "" : `-${arch}`,
        ].join("");
        const tag = parseTag(text);
        // "DM-42" at the end reads as extra DM for an architecture 42.
        const split = extra === "DM-42" && arch === null;
        assert.equal(tag.cycle, cycle === null ? null : Number(cycle[0]));
        assert.equal(tag.cycleBuild, cycle === null ? null : Number(cycle[1]));
        assert.equal(tag.build, build === null ? null : Number(build));
        assert.equal(tag.extra, split ? "DM" : extra);
        assert.equal(tag.architecture, split ? "42" : arch);
        assert.equal(tag.displayName.startsWith(parseTag(start).displayName), true);
      },
    ),
  );
});

test("parsing is total, and the same each time", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: "binary" }), nearlyTag), (text) => {
      const tag = parseTag(text);
      assert.equal(tag.tag, text === "" ? "latest" : text);
      assert.deepEqual(parseTag(text), tag);
      assert.equal(tag.base === null, tag.version !== null);
      if (tag.type === "UNKNOWN") assert.ok(tag.displayName.startsWith(tag.base ?? "?"));
    }),
    { numRuns: 2000 },
  );
});

test("hostile text takes time linear in its length", () => {
  const length = 200_000;
  const fill = (piece: string) => piece.repeat(Math.ceil(length / piece.length));
  for (const text of [
    ...["r", "r1_", "0", "w_2077_", "d_1_1_", "exp_", "_c1", "_c1.1", "_rsp1", "-a", "_", "-"].map(fill),
    ...["_c1.1", "-a", "_", "1", "_rsp1", "-"].map((piece) => `r22_0_1_rc1${fill(piece)}!-A`),
    `x_c${fill("1")}!`,
    `w_2077_43_c${fill("1")}.${fill("1")}!`,
  ]) {
    const start = performance.now();
    parseTag(text);
    const took = performance.now() - start;
    // Linear time is a few milliseconds; a quadratic one is a minute.
    assert.ok(took < 2_000, `${text.slice(0, 20)}: ${took} ms`);
  }
});

test("valid tags are those of the OCI specification", () => {
  for (const tag of ["a", "_", "0", "w_2077_43", "A.b-c_d", "x".repeat(128)]) assert.ok(isValidTag(tag), tag);
  for (const tag of ["", "-a", ".a", "a b", "a/b", "a:b", "é", "a\n", "x".repeat(129)])
    assert.ok(!isValidTag(tag), tag);
});

test("signatures, attestations and SBOMs under the naming of the referrers fallback do not run", () => {
  for (const suffix of ["", ".sig", ".att", ".sbom", ".json"])
    assert.ok(!isRunnableTag(`sha256-${HEX}${suffix}`), suffix);
  assert.ok(!isRunnableTag(`sha512-${HEX}`));
  assert.ok(!isRunnableTag("sha256-abc123.sig"));
  for (const tag of ["sha-abc123", "sha256-abc123", "sha256", `sha256-${HEX}x`, "w_2077_43"]) {
    assert.ok(isRunnableTag(tag), tag);
  }
});
