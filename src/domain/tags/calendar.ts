/** The proleptic Gregorian calendar in UTC, years 1 to 9999, by arithmetic: `Date.UTC` takes 0 to 99 for 1900 to 1999. */

const MS_PER_MINUTE = 60_000;
const MS_PER_DAY = 86_400_000;
const MIN_YEAR = 1;
const MAX_YEAR = 9999;
/** Days from 0000-03-01, where the counting below starts, to 1970-01-01. */
const EPOCH_OFFSET = 719_468;

/**
 * 00:00 UTC of a day.
 * @returns milliseconds since the epoch, or null where there is no such day, or the year is outside 1 to 9999.
 */
export function timeOfDay(year: number, month: number, day: number): number | null {
  if (!isYear(year) || month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return null;
  return daysSinceEpoch(year, month, day) * MS_PER_DAY;
}

/**
 * 00:00 UTC of the Thursday of an ISO 8601 week. Its Thursday decides which year a week belongs to, so the answer is in
 * that year, and week 53 exists where its Thursday does.
 * @returns milliseconds since the epoch, or null where there is no such week, or the year is outside 1 to 9999.
 */
export function timeOfWeek(year: number, week: number): number | null {
  if (!isYear(year) || week < 1 || week > 53) return null;
  const fourth = daysSinceEpoch(year, 1, 4); // 4 January is in week 1 whatever its weekday.
  const daysAfterMonday = modulo(fourth + 3, 7); // The epoch was a Thursday.
  const thursday = fourth - daysAfterMonday + 3 + (week - 1) * 7;
  return thursday < daysSinceEpoch(year + 1, 1, 1) ? thursday * MS_PER_DAY : null;
}

const DATE_TIME =
  /^(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(?: ?([Zz]|[+-]\d\d:?\d\d))?)?$/;

/**
 * A date, or a date with a time of day, as people write them in configurations (ISO 8601 and RFC 3339): `2077-10-21`,
 * `2077-10-21 17:30`, `2077-10-21T17:30:00.5+02:00`. Without a zone it is UTC.
 * @returns milliseconds since the epoch, with a fraction where the text goes below a millisecond; null for other texts.
 */
export function parseDateTime(text: string): number | null {
  const match = DATE_TIME.exec(text);
  if (match === null) return null;
  const day = timeOfDay(Number(match[1]), Number(match[2]), Number(match[3]));
  const hour = Number(match[4] ?? 0);
  const minute = Number(match[5] ?? 0);
  const second = Number(match[6] ?? 0);
  const offset = zoneOffset(match[8] ?? "Z");
  if (day === null || offset === null || hour > 23 || minute > 59 || second > 59) return null;
  const fraction = Number(`0.${match[7] ?? 0}`);
  return day + (hour * 60 + minute - offset) * MS_PER_MINUTE + (second + fraction) * 1000;
}

/** Minutes east of UTC of `Z`, `+hh:mm` or `+hhmm`; null where hours or minutes are out of range. */
function zoneOffset(zone: string): number | null {
  if (zone === "Z" || zone === "z") return 0;
  const hours = Number(zone.slice(1, 3));
  const minutes = Number(zone.slice(-2));
  if (hours > 23 || minutes > 59) return null;
  return (zone.startsWith("-") ? -1 : 1) * (hours * 60 + minutes);
}

function isYear(year: number): boolean {
  return year >= MIN_YEAR && year <= MAX_YEAR;
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return isLeapYear(year) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

function isLeapYear(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

/** Days from 1970-01-01 to an existing day. Years are counted from March, so that the leap day is a year's last. */
function daysSinceEpoch(year: number, month: number, day: number): number {
  const marchYear = month > 2 ? year : year - 1;
  const marchMonth = (month + 9) % 12;
  const dayOfYear = Math.floor((153 * marchMonth + 2) / 5) + day - 1;
  const leapDays = Math.floor(marchYear / 4) - Math.floor(marchYear / 100) + Math.floor(marchYear / 400);
  return marchYear * 365 + leapDays + dayOfYear - EPOCH_OFFSET;
}

function modulo(value: number, divisor: number): number {
  return ((value % divisor) + divisor) % divisor;
}
