import { compareCodePoints, compareDigits } from "../text-order.ts";
import type { TagVersion } from "./tag.ts";

const NUMBER = String.raw`(0|[1-9]\d*)`;
const DOTTED = String.raw`[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*`;
const VERSION = new RegExp(String.raw`^${NUMBER}\.${NUMBER}\.${NUMBER}(?:-(${DOTTED}))?(?:\+(${DOTTED}))?$`);
const NUMERIC = /^\d+$/;
const NUMERIC_WITH_LEADING_ZERO = /^0\d+$/;
const CANDIDATE = /^rc(\d+)$/;

/** Parses a version by Semantic Versioning 2.0.0; null where the text is none. Numbers above 2^53 are rounded. */
export function parseVersion(text: string): TagVersion | null {
  const match = VERSION.exec(text);
  if (match === null) return null;
  const prerelease = match[4] ?? null;
  if (prerelease?.split(".").some((identifier) => NUMERIC_WITH_LEADING_ZERO.test(identifier))) return null;
  return {
    major: Number(match[1]),
    minor: Number(match[2]),
    patch: Number(match[3]),
    prerelease,
    build: match[5] ?? null,
  };
}

/**
 * Semantic-version precedence (Semantic Versioning 2.0.0, item 11), but that the number after `rc` counts as a number:
 * rc10 comes after rc9. Build metadata does not count. Negative where `a` precedes.
 */
export function compareVersions(a: TagVersion, b: TagVersion): number {
  return a.major - b.major || a.minor - b.minor || a.patch - b.patch || comparePrereleases(a.prerelease, b.prerelease);
}

/** The part of `compareVersions` after the numbers: a prerelease precedes the release itself (null). */
export function comparePrereleases(a: string | null, b: string | null): number {
  if (a === b) return 0;
  if (a === null) return 1;
  if (b === null) return -1;
  const left = a.split(".");
  const right = b.split(".");
  for (const [index, identifier] of left.entries()) {
    const other = right[index];
    if (other === undefined) break;
    const order = compareIdentifiers(identifier, other);
    if (order !== 0) return order;
  }
  return left.length - right.length;
}

function compareIdentifiers(a: string, b: string): number {
  const aNumeric = NUMERIC.test(a);
  const bNumeric = NUMERIC.test(b);
  if (aNumeric && bNumeric) return compareDigits(a, b);
  if (aNumeric !== bNumeric) return aNumeric ? -1 : 1;
  // A candidate is its letters, and then its number. With the digits as part of the text the order would run in circles:
  // rc10, rc1a, rc2.
  const aCandidate = CANDIDATE.exec(a)?.[1];
  const bCandidate = CANDIDATE.exec(b)?.[1];
  const order = compareCodePoints(aCandidate === undefined ? a : "rc", bCandidate === undefined ? b : "rc");
  return order || compareDigits(aCandidate ?? "", bCandidate ?? "");
}
