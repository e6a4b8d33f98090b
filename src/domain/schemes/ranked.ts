import { comparePrereleases } from "../tags/version.ts";
import { compareCodePoints, compareDigits } from "../text-order.ts";
import type { OrderPart, SchemeTag, TagScheme } from "./scheme.ts";

/** Numbers of more digits than this are bigints. */
const SAFE_DIGITS = 15;

/** The number that digits spell, exactly. */
export function orderNumber(digits: string): number | bigint {
  return digits.length <= SAFE_DIGITS ? Number(digits) : BigInt(digits);
}

/** What the schemes have in common whose tags are compared by `SchemeTag.order`. */
export const RANKED_SCHEME = {
  needsClass: false,
  readsFirst: false,
  usesPushTime: false,
  drops: () => false,
  siblingKey: () => null,
  yieldsTo: () => null,
  compare: compareRanked,
  isSameVersion: (a, b) => compareOrder(a.order, b.order) === 0,
} as const satisfies Partial<TagScheme>;

/**
 * The order of a source's tags outside `rubin`: version, then variant, then tag by code point, each the highest first, but
 * what has no variant before what has one. What is not ranked comes last. Total.
 */
function compareRanked(a: SchemeTag, b: SchemeTag): number {
  return (
    Number(b.ranked) - Number(a.ranked) ||
    compareOrder(b.order, a.order) ||
    compareVariants(a.variant, b.variant) ||
    compareCodePoints(b.tag, a.tag)
  );
}

/** Compares part by part; both lists come from one scheme. Negative where `a` is the lower one. */
function compareOrder(a: readonly OrderPart[], b: readonly OrderPart[]): number {
  const length = Math.max(a.length, b.length);
  for (let index = 0; index < length; index++) {
    const order = compareParts(a[index] ?? null, b[index] ?? null);
    if (order !== 0) return order;
  }
  return 0;
}

/** A missing number is below 0; of prereleases the missing one is above all others. */
function compareParts(a: OrderPart, b: OrderPart): number {
  if (a === b) return 0;
  if (typeof a === "string" && typeof b === "string") return comparePrereleases(a || null, b || null);
  if (a === null) return -1;
  if (b === null) return 1;
  return a < b ? -1 : Number(a > b);
}

/** The highest first, digits as numbers, and none before all others. */
function compareVariants(a: string | null, b: string | null): number {
  if (a === b) return 0;
  if (a === null || b === null) return a === null ? -1 : 1;
  return compareNaturally(b, a);
}

/**
 * Order of texts of ASCII characters in which each run of digits is a number, below all other characters: 12.9 comes before
 * 12.10. 0 also for `07` and `7`.
 */
function compareNaturally(a: string, b: string): number {
  let [left, right] = [0, 0];
  while (left < a.length && right < b.length) {
    const [one, other] = [isDigit(a, left), isDigit(b, right)];
    if (one !== other) return one ? -1 : 1;
    const [leftEnd, rightEnd] = one ? [digitsEnd(a, left), digitsEnd(b, right)] : [left + 1, right + 1];
    const order = one
      ? compareDigits(a.slice(left, leftEnd), b.slice(right, rightEnd))
      : a.charCodeAt(left) - b.charCodeAt(right);
    if (order !== 0) return order;
    [left, right] = [leftEnd, rightEnd];
  }
  return a.length - left - (b.length - right);
}

function digitsEnd(text: string, start: number): number {
  let end = start;
  while (end < text.length && isDigit(text, end)) end++;
  return end;
}

function isDigit(text: string, index: number): boolean {
  const code = text.charCodeAt(index);
  return code >= 0x30 && code <= 0x39;
}
