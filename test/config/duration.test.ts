import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseDuration } from "../../src/config/duration.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

const EXAMPLES: readonly (readonly [number | string, number | null])[] = [
  ["5m", 5 * MINUTE],
  ["1h30m", 90 * MINUTE],
  ["1h 30m", 90 * MINUTE],
  ["15 minutes", 15 * MINUTE],
  ["45", 45 * SECOND],
  ["90.5", 90.5 * SECOND],
  [90.5, 90.5 * SECOND],
  [1.1, 1_100],
  [0, 0],
  ["2 weeks 1 day", 15 * 24 * HOUR],
  ["1w2d3h4m5s", 9 * 24 * HOUR + 3 * HOUR + 4 * MINUTE + 5 * SECOND],
  ["1.5 hours", 90 * MINUTE],
  ["  10 sec ", 10 * SECOND],
  ["3 hrs 2 mins 1 second", 3 * HOUR + 2 * MINUTE + SECOND],
  ["", null],
  ["   ", null],
  ["m", null],
  ["5 parsecs", null],
  ["30m 1h", null],
  ["1h1h", null],
  ["-5m", null],
  ["5m x", null],
  ["1e3", null],
  ["0x10", null],
  ["9".repeat(200), null],
  [-1, null],
  [Number.NaN, null],
  [Number.POSITIVE_INFINITY, null],
];

for (const [written, expected] of EXAMPLES) {
  test(`the duration ${JSON.stringify(written)} is ${expected} milliseconds`, () => {
    assert.equal(parseDuration(written), expected);
  });
}

test("whatever is written in whole units is their sum", () => {
  const part = fc.nat({ max: 10_000 });
  fc.assert(
    fc.property(part, part, part, (hours, minutes, seconds) => {
      const sum = hours * HOUR + minutes * MINUTE + seconds * SECOND;
      assert.equal(parseDuration(`${hours}h ${minutes} minutes ${seconds}s`), sum);
      assert.equal(parseDuration(String(sum / SECOND)), sum);
    }),
  );
});

test("any text is a duration or none, and never an error", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const milliseconds = parseDuration(text);
      assert.ok(milliseconds === null || milliseconds >= 0);
    }),
  );
});
