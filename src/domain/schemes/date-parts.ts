import { timeOfDay, timeOfWeek } from "../tags/calendar.ts";

/** The numbers of a date that a tag spells; what it does not is null. */
export interface DateParts {
  readonly year: number;
  readonly month: number | null;
  readonly day: number | null;
  readonly week: number | null;
}

/** Years of one or two digits are from 2000. */
const CENTURY = 2_000;

/** The year that digits spell. */
export function fullYear(digits: string): number {
  return Number(digits) + (digits.length <= 2 ? CENTURY : 0);
}

/**
 * The time of a date: a year's or month's first day, a week's Thursday, at 00:00 UTC.
 * @returns milliseconds since the epoch, or null where there is no such date
 */
export function timeOfDate({ year, month, day, week }: DateParts): number | null {
  if (week !== null) return month === null && day === null ? timeOfWeek(year, week) : null;
  if (month === null && day !== null) return null;
  return timeOfDay(year, month ?? 1, day ?? 1);
}
