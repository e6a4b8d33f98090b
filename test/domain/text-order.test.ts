import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compareCodePoints, compareDigits, stripLeadingZeros } from "../../src/domain/text-order.ts";

const anyText = fc.string({
  unit: fc.constantFrom("a", "b", "\ud800", "\udbff", "\udc00", "\udfff", "\ue000", "\uffff"),
});

/** By definition: the first code point that differs decides, and a text is before its continuations. */
function compareByDefinition(a: string, b: string): number {
  const left = Array.from(a, (character) => character.codePointAt(0) ?? 0);
  const right = Array.from(b, (character) => character.codePointAt(0) ?? 0);
  const at = left.findIndex((codePoint, index) => codePoint !== right[index]);
  return at < 0 ? left.length - right.length : (left[at] ?? 0) - (right[at] ?? -1);
}

test("texts are ordered by code point, not by UTF-16 code unit", () => {
  assert.ok(compareCodePoints("\u{10000}", "\uffff") > 0);
  assert.ok("\u{10000}" < "\uffff");
  assert.ok(compareCodePoints("a", "ab") < 0);
  assert.ok(compareCodePoints("Z", "_") < 0);
  assert.equal(compareCodePoints("", ""), 0);
});

test("the order is that of the lists of code points, also where halves of pairs stand alone", () => {
  fc.assert(
    fc.property(anyText, anyText, (a, b) => {
      assert.equal(Math.sign(compareCodePoints(a, b)), Math.sign(compareByDefinition(a, b)));
    }),
    { numRuns: 2000 },
  );
});

test("digits are ordered as the numbers that they spell, however many", () => {
  fc.assert(
    fc.property(
      fc.bigInt({ min: 0n, max: 10n ** 30n }),
      fc.bigInt({ min: 0n, max: 10n ** 30n }),
      fc.nat(5),
      (a, b, zeros) => {
        const order = compareDigits("0".repeat(zeros) + a, String(b));
        assert.equal(Math.sign(order), a < b ? -1 : Number(a > b));
      },
    ),
  );
});

test("leading zeros go, the last digit stays", () => {
  assert.equal(stripLeadingZeros("007"), "7");
  assert.equal(stripLeadingZeros("000"), "0");
  assert.equal(stripLeadingZeros("70"), "70");
  assert.equal(stripLeadingZeros(""), "");
});
