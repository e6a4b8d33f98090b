import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ConfigError } from "../../src/config/config-error.ts";
import { parseYaml } from "../../src/config/yaml.ts";

const REFUSED: readonly (readonly [string, string, RegExp])[] = [
  ["an empty file", "", /^expected a mapping/],
  ["a file of comments", "# nothing", /^expected a mapping/],
  ["plain text", "images", /^expected a mapping/],
  ["a list", "- a", /^expected a mapping/],
  ["a key given twice", "a: 1\nb: 2\na: 3", /^line 3, column 1: this key is given twice$/],
  ["several documents", "a: 1\n---\na: 2", /^line 2, column 1: expected one YAML document, found several$/],
  ["an alias", "a: &x 1\nb: *x", /^line 2, column 4: aliases/],
  ["a circle", "a: &x [*x]", /aliases/],
  [
    "billion laughs",
    `a: &a [x]\n${[..."bcdefgh"].map((key, index) => `${key}: &${key} [${`*${"abcdefgh"[index]},`.repeat(9)}]`).join("\n")}`,
    /aliases/,
  ],
  ["a tag that nobody knows", "a: !secret b", /^line 1, column 4: this tag \(!name\) is not known$/],
  ["a key that is no text", "? [a]\n: 1", /a key must be plain text/],
  ["a key that objects cannot hold", "a: {__proto__: 1}", /^line 1, column 5: the key __proto__ is not allowed$/],
  ["broken YAML", 'a: "b', /^line 1, column 6: no valid YAML/],
  ["endless nesting", "[".repeat(100_000), /no valid YAML|nested/],
  ["nesting of mappings", "{a: ".repeat(30_000), /nested too deeply/],
  ["nesting of keys", "? ".repeat(60_000), /nested too deeply/],
  ["a huge file", `a: ${"x".repeat(131_072)}`, /^the file is larger than 128 KiB$/],
];

for (const [what, text, said] of REFUSED) {
  test(`${what} is refused`, () => {
    assert.throws(
      () => parseYaml(text),
      (error) => error instanceof ConfigError && said.test(error.message),
    );
  });
}

test("numbers, truth values and nothing are recognised as YAML 1.2 has them; dates and `yes` are text", () => {
  assert.deepEqual(parseYaml("a: 27\nb: '27'\nc: true\nd: yes\ne:\nf: 2077-10-23\ng: .inf\nh: 0o17"), {
    a: 27,
    b: "27",
    c: true,
    d: "yes",
    e: null,
    f: "2077-10-23",
    g: Number.POSITIVE_INFINITY,
    h: 15,
  });
});

test("any text is a mapping or a ConfigError that does not repeat it", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(..."ab:-[]{}&*!|>'\"%#?,\n\t \u0000é") }), (text) => {
      try {
        parseYaml(text);
      } catch (error) {
        assert.ok(error instanceof ConfigError);
      }
    }),
  );
});

test("F65: as many keys as the file holds are read in one pass", () => {
  const keys = Array.from({ length: 14_000 }, (_, index) => `k${index}: v`);
  const startedAt = performance.now();
  assert.equal(Object.keys(parseYaml(keys.join("\n"))).length, keys.length);
  assert.throws(() => parseYaml(`${keys.join("\n")}\nk7: v`), /line 14001, column 1: this key is given twice/);
  assert.ok(performance.now() - startedAt < 5_000);
});
