import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseDateTime, timeOfDay, timeOfWeek } from "../../src/domain/tags/calendar.ts";

const DAY = 86_400_000;

test("a day is 00:00 UTC, from year 1 to 9999", () => {
  assert.equal(timeOfDay(1970, 1, 1), 0);
  assert.equal(timeOfDay(2000, 2, 29), Date.UTC(2000, 1, 29));
  assert.equal(timeOfDay(1, 1, 1), Date.parse("0001-01-01T00:00:00Z"));
  assert.equal(timeOfDay(9999, 12, 31), Date.UTC(9999, 11, 31));
});

test("days that do not exist have no time", () => {
  for (const [year, month, day] of [
    [0, 1, 1],
    [10_000, 1, 1],
    [2021, 0, 1],
    [2021, 13, 1],
    [2021, 1, 0],
    [2021, 4, 31],
    [2021, 2, 29],
    [1900, 2, 29],
    [1e100, 1, 1],
    [Number.POSITIVE_INFINITY, 1, 1],
  ] as const) {
    assert.equal(timeOfDay(year, month, day), null, `${year}-${month}-${day}`);
  }
});

test("every existing day has the time that Date gives it", () => {
  const days = fc.integer({ min: Date.parse("0001-01-01T00:00:00Z") / DAY, max: Date.UTC(9999, 11, 31) / DAY });
  fc.assert(
    fc.property(days, (day) => {
      const date = new Date(day * DAY);
      assert.equal(timeOfDay(date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()), day * DAY);
    }),
  );
});

test("a week is the Thursday of the ISO week", () => {
  const week = (year: number, number: number) =>
    new Date(timeOfWeek(year, number) ?? Number.NaN).toISOString().slice(0, 10);
  assert.equal(week(2077, 43), "2077-10-28");
  assert.equal(week(2021, 1), "2021-01-07");
  assert.equal(week(2020, 53), "2020-12-31");
  assert.equal(week(1, 1), "0001-01-04");
  assert.equal(week(9999, 52), "9999-12-30");
});

test("weeks that do not exist have no time", () => {
  for (const [year, week] of [
    [2021, 0],
    [2021, 53],
    [2021, 54],
    [2020, 54],
    [9999, 53],
    [0, 1],
    [10_000, 1],
  ] as const) {
    assert.equal(timeOfWeek(year, week), null, `${year} week ${week}`);
  }
});

test("every Thursday is the time of one week of its own year", () => {
  const thursdays = fc.integer({
    min: Math.ceil(Date.parse("0001-01-01T00:00:00Z") / DAY / 7),
    max: Math.floor(Date.UTC(9999, 11, 31) / DAY / 7),
  });
  fc.assert(
    fc.property(thursdays, (count) => {
      const thursday = new Date(count * 7 * DAY);
      const year = thursday.getUTCFullYear();
      const dayOfYear = (thursday.getTime() - (timeOfDay(year, 1, 1) ?? Number.NaN)) / DAY;
      assert.equal(timeOfWeek(year, Math.floor(dayOfYear / 7) + 1), thursday.getTime());
    }),
  );
});

test("dates are read as people write them, in UTC where no zone is given", () => {
  const base = Date.UTC(2077, 9, 21);
  assert.equal(parseDateTime("2077-10-21"), base);
  assert.equal(parseDateTime("2077-10-21 17:30"), base + 17.5 * 3_600_000);
  assert.equal(parseDateTime("2077-10-21T00:00:01"), base + 1000);
  assert.equal(parseDateTime("2077-10-21T00:00:00Z"), base);
  assert.equal(parseDateTime("2077-10-21t00:00:00z"), base);
  assert.equal(parseDateTime("2077-10-21T02:00:00+02:00"), base);
  assert.equal(parseDateTime("2077-10-20 17:00:00 -0700"), base);
});

test("fractions of a second are kept to the microsecond", () => {
  const base = Date.UTC(2077, 9, 21);
  assert.equal(parseDateTime("2077-10-21T00:00:00.25Z"), base + 250);
  const microsecond = parseDateTime("2077-10-21T00:00:00.000001Z");
  assert.ok(microsecond !== null && microsecond > base && microsecond < base + 1);
});

test("what is no date is refused", () => {
  for (const text of [
    "",
    "yesterday",
    "2077-10-21T",
    "2077-1-1",
    "2077-02-30",
    "2077-10-21T24:00",
    "2077-10-21T00:60",
    "2077-10-21T00:00:60",
    "2077-10-21T00:00+24:00",
    "2077-10-21T00:00+00:60",
    "2077-10-21Z",
    "2077-10-21\n",
  ]) {
    assert.equal(parseDateTime(text), null, text);
  }
});
