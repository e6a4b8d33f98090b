import assert from "node:assert/strict";
import { test } from "node:test";
import { parseConfig } from "../../src/config/load.ts";
import { servedConfig } from "../../src/config/served-config.ts";
import type { NewestRule } from "../../src/domain/settings.ts";
import { IMAGES, problemsIn } from "./problems-in.ts";

const SCIPY = {
  name: "scipy",
  type: "docker",
  registry: "quay.io",
  repository: "jupyter/scipy-notebook",
  tags: { scheme: "calver", format: "YYYY-0M-0D", ignore: ["x86_64-.*"] },
};
const SAMPLE = { ...SCIPY, name: "sample", tags: { scheme: "semver" } };
const TEAM = { ...SCIPY, name: "team", tags: { scheme: "opaque" } };

/** A configuration with one set of these rules. */
function withRules(...images: readonly object[]): string {
  return JSON.stringify({ sources: [SCIPY, SAMPLE, TEAM], sets: [{ name: "all", images }] });
}

/** What is made of a `newest` rule. */
function newest(rule: object): NewestRule {
  const [read] = parseConfig(withRules({ source: "sample", newest: 1, ...rule })).sets[0]?.rules ?? [];
  assert.ok(read?.kind === "newest");
  return read;
}

test("images alone is source and set default, beside all others the first", () => {
  const alone = parseConfig(IMAGES);
  assert.deepEqual(
    alone.sources.map(({ key, source }) => [key, source.name, source.scheme.name]),
    [["images", "default", "rubin"]],
  );
  assert.deepEqual(
    alone.sets.map(({ name, order }) => [name, order]),
    [["default", "display"]],
  );
  const beside = parseConfig(
    `${IMAGES}sources: ${JSON.stringify([SCIPY])}\nsets: [{name: all, images: [{source: scipy, newest: 1}]}]\n`,
  );
  assert.deepEqual(
    beside.sources.map(({ source }) => source.name),
    ["default", "scipy"],
  );
  assert.deepEqual(
    beside.sets.map(({ name }) => name),
    ["default", "all"],
  );
});

test("a set has the nodes of the top level, where it does not replace them", () => {
  const sets = ["inherits", "replaces"].map((name) => ({
    name,
    ...(name === "inherits" ? {} : { nodes: { selector: {}, expressions: [], tolerations: [] } }),
    images: [{ source: "scipy", newest: 1 }],
  }));
  const nodeExpressions = [{ key: "pool", operator: "Exists" }];
  const config = parseConfig(
    JSON.stringify({
      sources: [SCIPY],
      sets,
      nodeSelector: { a: "b" },
      nodeExpressions,
      tolerations: [{ operator: "Exists" }],
    }),
  );
  assert.deepEqual(
    config.sets.map(({ selector, expressions, tolerations }) => [selector, expressions, tolerations]),
    [
      [{ a: "b" }, [{ key: "pool", operator: "Exists", values: [] }], [{ operator: "Exists" }]],
      [{}, [], []],
    ],
  );
});

test("a bare date is a day in UTC: since takes its beginning, until its end; a time needs its zone", () => {
  const since = (written: string) =>
    parseConfig(withRules({ source: "scipy", newest: 1, since: written })).sets[0]?.rules[0];
  const read = since("2026-11-09");
  assert.ok(read?.kind === "newest");
  assert.deepEqual(read.since, { ms: Date.UTC(2026, 10, 9), text: "2026-11-09" });
  assert.deepEqual(newest({ until: "2026-12-20" }).until, { ms: Date.UTC(2026, 11, 21), text: "2026-12-20" });
  assert.equal(newest({ until: "2026-12-20T01:00:00+01:00" }).until?.ms, Date.UTC(2026, 11, 20));
  for (const written of ["2026-12-20T01:00:00", "2026-12-20 01:00", "2026-02-30", "soon", 20261220, "2026-12"]) {
    assert.match(
      problemsIn(withRules({ source: "sample", newest: 1, until: written })),
      /^sets\[0\]\.images\[0\]\.until: /,
    );
  }
});

test("durations take days and weeks, and are kept as written", () => {
  for (const [written, ms] of [
    ["90d", 7_776_000_000],
    ["2w", 1_209_600_000],
    ["1w2d3h", 788_400_000],
    [950_400, 950_400_000],
  ] as const) {
    const [rule] = parseConfig(withRules({ source: "scipy", newest: 1, within: written })).sets[0]?.rules ?? [];
    assert.ok(rule?.kind === "newest");
    assert.deepEqual(rule.within, { ms, text: String(written) });
  }
});

test("newestPer: variant takes all variants, and one variant is a list of one", () => {
  const [per, one] =
    parseConfig(
      withRules({ source: "scipy", newest: 1, newestPer: "variant" }, { source: "scipy", newest: 1, variant: "gpu-*" }),
    ).sets[0]?.rules ?? [];
  assert.ok(per?.kind === "newest" && one?.kind === "newest");
  assert.deepEqual([per.variant, one.variant], [["*"], ["gpu-*"]]);
});

for (const [what, rule, expected] of [
  [
    "a number that YAML reads",
    { source: "sample", pin: [1.1] },
    "pin[0]: expected a tag: letters, digits, `_`, `.` and `-`, at most 128, found 1.1 (put it in quotes)",
  ],
  ["no kind", { source: "sample" }, ": must have exactly one of alias, pin, newest"],
  ["two kinds", { source: "sample", newest: 1, alias: "a" }, ": must have exactly one of alias, pin, newest"],
  ["a key of newest", { source: "sample", alias: "a", range: "1.x" }, "range: goes with newest only"],
  [
    "both limits",
    { source: "scipy", newest: 1, within: "1d", since: "2026-01-01" },
    "since: must not stand beside within",
  ],
  [
    "no range",
    { source: "sample", newest: 1, range: "x.1" },
    "range: must be a range of versions as npm has them, such as ^4.2.0 or 3.x || >=5.0.0-0",
  ],
  ["no dates", { source: "sample", newest: 1, within: "1d" }, "within: needs dates, which semver tags do not have"],
  [
    "no variants",
    { source: "sample", newest: 1, newestPer: "variant" },
    "newestPer: needs variants, which semver tags do not have",
  ],
  [
    "no major number",
    { source: "scipy", newest: 1, newestPer: "major" },
    "newestPer: needs a major number, which calver tags have only with such a word in the format",
  ],
  ["a class", { source: "scipy", newest: 1, class: "release" }, "class: must be left out: calver has no classes"],
  ["another class", { source: "sample", newest: 1, class: "weekly" }, "class: must be one of release, prerelease"],
  [
    "no order",
    { source: "team", newest: 1 },
    "newest: needs an order, which opaque tags have at most by order: pushed",
  ],
  ["an ignored tag", { source: "scipy", pin: ["x86_64-latest"] }, "pin[0]: is a tag that the source ignores"],
  [
    "a signature",
    { source: "scipy", pin: [`sha256-${"0".repeat(64)}`] },
    "pin[0]: is the tag of a signature or attestation, and no image",
  ],
  ["no list", { source: "scipy", pin: [] }, "pin: expected a list of at least one tag, found a list"],
  ["too many", { source: "scipy", newest: 1_001 }, "newest: expected a whole number from 0 to 1,000, found 1001"],
] as const) {
  test(`a rule with ${what} is refused with the reason`, () => {
    const path = "sets[0].images[0]";
    assert.equal(problemsIn(withRules(rule)), expected.startsWith(":") ? `${path}${expected}` : `${path}.${expected}`);
  });
}

test("an order of display is for sets of one source with the scheme rubin", () => {
  const rubin = { ...SCIPY, tags: { scheme: "rubin" } };
  const set = { name: "all", order: "display", images: [{ source: "scipy", class: "weekly", newest: 1 }] };
  assert.equal(parseConfig(JSON.stringify({ sources: [rubin], sets: [set] })).sets[0]?.order, "display");
  const other = { ...set, images: [{ source: "scipy", newest: 1 }] };
  assert.match(problemsIn(JSON.stringify({ sources: [SCIPY], sets: [other] })), /^sets\[0\]\.order: must be rules/);
});

test("names are given once, and are the names of objects", () => {
  const sources = [SCIPY, SCIPY, { ...SCIPY, name: "A" }, { ...SCIPY, name: "a".repeat(64) }];
  assert.deepEqual(
    problemsIn(JSON.stringify({ sources }))
      .split("\n")
      .map((line) => line.slice(0, line.indexOf(":"))),
    ["sources[2].name", "sources[3].name", "sources[1].name"],
  );
});

test("without images and sources there is nothing to serve", () => {
  for (const text of ["logLevel: info\n", "images:\nsources: []\n"])
    assert.equal(problemsIn(text), "sources: must have a source, where there is no images");
});

test("where there is no images, what concerns one source alone is that of the first source", () => {
  assert.deepEqual(
    [servedConfig(parseConfig(IMAGES)).hasImages, servedConfig(parseConfig(IMAGES)).images.numDailies],
    [true, 3],
  );
  const { hasImages, images } = servedConfig(parseConfig(withRules({ source: "sample", newest: 1 })));
  assert.deepEqual([hasImages, images.numDailies, images.source.type], [false, 0, "docker"]);
});
