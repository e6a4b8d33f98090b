import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { createTagListScanner, TagListFormError } from "../../src/registry/oci/tag-list-scanner.ts";

/** What a scanner reads in a text that comes in pieces of this many bytes. */
function scan(text: string | Buffer, pieceBytes = Number.POSITIVE_INFINITY): readonly (string | null)[] {
  const names: (string | null)[] = [];
  const scanner = createTagListScanner((name) => names.push(name));
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += pieceBytes) scanner.push(bytes.subarray(at, at + pieceBytes));
  scanner.end();
  return names;
}

/** How many bytes of an endless repetition a scanner takes before it refuses; infinite where it takes 1 MiB. */
function takenOf(head: string, unit: string): number {
  const scanner = createTagListScanner(() => undefined);
  const bytes = Buffer.from(head + unit.repeat(1_024 * 1_024));
  for (let at = 0; at < bytes.length; at += 1) {
    try {
      scanner.push(bytes.subarray(at, at + 1));
    } catch (error) {
      assert.ok(error instanceof TagListFormError);
      return at + 1;
    }
  }
  return Number.POSITIVE_INFINITY;
}

describe("the scanner of a list of tags (F6)", () => {
  it("reads the elements of `tags`, whatever stands beside them and however it is written", () => {
    const texts: [string, readonly (string | null)[]][] = [
      ['{"name":"x","tags":["a","b"]}', ["a", "b"]],
      [' {\n"tags" : [ "a" ,\t"b" ] , "name" : "x" }\r\n', ["a", "b"]],
      ['{"tags":[]}', []],
      ['{"tags":null,"name":"x"}', []],
      ['{"t\\u0061gs":["\\u0061\\n\\"","\\\\"]}', ['a\n"', "\\"]],
      [
        '{"child":[],"manifest":{"sha256:1":{"tag":["tags"],"n":-1.5E+3}},"tags":["a"],"x":[true,false,null,{}]}',
        ["a"],
      ],
      ['{"x":{"tags":["inner"]},"tags":["outer"]}', ["outer"]],
      [
        `{"tags":["${"a".repeat(128)}","${"a".repeat(129)}","${"a".repeat(5_000)}","ä"]}`,
        ["a".repeat(128), null, null, "ä"],
      ],
      [`{"${"k".repeat(5_000)}":1,"tags":["a"]}`, ["a"]],
    ];
    for (const [text, expected] of texts) {
      for (const pieceBytes of [1, 2, 3, 7, 64, 10_000]) assert.deepEqual(scan(text, pieceBytes), expected, text);
    }
  });

  it("refuses all else, also where it is cut off", () => {
    const texts = [
      "",
      "null",
      "[]",
      '"tags"',
      "<html>",
      "{}",
      '{"name":"x"}',
      '{"tags":"a"}',
      '{"tags":{}}',
      '{"tags":7}',
      '{"tags":["a",7]}',
      '{"tags":["a",null]}',
      '{"tags":["a",["b"]]}',
      '{"tags":["a",]}',
      '{"tags":["a" "b"]}',
      '{"tags":["a"]',
      '{"tags":["a"',
      '{"tags":["a',
      '{"tags":["a"]}}',
      '{"tags":["a"]}{',
      '{"tags":["a"],}',
      '{"tags":["a"}]',
      '{"tags":["a"x}',
      '{"tags":["a"]x',
      '{"tags":["a":}',
      '{"x":[1x,"tags":[]}',
      '{"x":[true"],"tags":[]}',
      '{"tags":["a"],"tags":null}',
      '{"tags":["\\x"]}',
      '{"tags":["a\nb"]}',
      '{tags:["a"]}',
      '{"x":nul,"tags":[]}',
      '{"x":e1,"tags":[]}',
      '{"x" 1,"tags":[]}',
      '{"x":[1}],"tags":[]}',
      `{"x":${"[".repeat(8)}${"]".repeat(8)},"tags":[]}`,
    ];
    for (const text of texts) {
      for (const pieceBytes of [1, 10_000]) assert.throws(() => scan(text, pieceBytes), TagListFormError, text);
    }
  });

  it("refuses endless brackets at the first one that does not belong there", () => {
    assert.equal(takenOf("", "[]"), 1);
    assert.equal(takenOf("", "[[[["), 1);
    assert.equal(takenOf("", "{}"), 3);
    assert.equal(takenOf('{"tags":[', "[],"), 10);
    assert.equal(takenOf('{"tags":[', "{},"), 10);
    assert.equal(takenOf('{"x":', "["), 13);
  });

  it("reads what JSON.parse reads in documents of this shape", () => {
    const extra = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 4 }), { maxKeys: 3 });
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: "grapheme" })),
        extra,
        fc.integer({ min: 1, max: 20 }),
        (tags, rest, size) => {
          const text = JSON.stringify({ ...rest, tags });
          assert.deepEqual(
            scan(text, size),
            tags.map((tag) => (tag.length <= 128 ? tag : null)),
          );
        },
      ),
    );
  });

  it("refuses what JSON.parse refuses, one byte off a document of this shape", () => {
    const word = fc.stringMatching(/^[a-z]{0,3}$/);
    const { extra } = fc.letrec((tie) => ({
      extra: fc.oneof(
        { depthSize: "small", maxDepth: 3 },
        fc.constantFrom(null, true, false),
        word,
        fc.array(tie("extra"), { maxLength: 3 }),
        fc.dictionary(word, tie("extra"), { maxKeys: 3 }),
      ),
    }));
    const document = fc
      .record({ before: extra, tags: fc.array(word), after: extra })
      .map((value) => JSON.stringify(value));
    const byte = fc.constantFrom(...'[]{},:"x n\t');
    fc.assert(
      fc.property(document, fc.nat(), fc.integer({ min: 0, max: 1 }), byte, (whole, place, replaced, other) => {
        const at = place % (whole.length + 1);
        const text = whole.slice(0, at) + other + whole.slice(at + replaced);
        try {
          JSON.parse(text);
        } catch {
          assert.throws(() => scan(text), TagListFormError, text);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
