import { TAG_TYPES, type Tag, type TagType } from "./tag.ts";
import { compareCodePoints, compareDigits } from "./text-order.ts";
import { comparePrereleases } from "./version.ts";

const DIGITS = /\d+/g;

/** Tags in display order, in a new array. */
export function sortTags(tags: readonly Tag[]): Tag[] {
  const byType = new Map<TagType, Tag[]>(TAG_TYPES.map((type) => [type, []]));
  for (const tag of tags) byType.get(tag.type)?.push(tag);
  const sorted: Tag[] = [];
  for (const group of byType.values()) {
    group.sort(compareHighestFirst);
    for (const tag of group) sorted.push(tag);
  }
  return sorted;
}

/**
 * Display order (behaviour.md section 1): by type, inside a type the highest first. Total: 0 only for the same tag of the
 * same type. Negative where `a` is shown first.
 */
export function compareTags(a: Tag, b: Tag): number {
  if (a.type !== b.type) return TAG_TYPES.indexOf(a.type) - TAG_TYPES.indexOf(b.type);
  return compareHighestFirst(a, b);
}

function compareHighestFirst(a: Tag, b: Tag): number {
  return (
    compareIdentity(b, a) ||
    compareNumbers(b.cycle, a.cycle, b, a) ||
    compareNumbers(b.cycleBuild, a.cycleBuild, b, a) ||
    compareNumbers(b.build, a.build, b, a) ||
    compareTexts(b.extra, a.extra) ||
    compareArchitectures(b.architecture, a.architecture) ||
    compareCodePoints(b.tag, a.tag)
  );
}

/** By version where both have one, else by base name. */
function compareIdentity(a: Tag, b: Tag): number {
  const left = a.version;
  const right = b.version;
  if (left === null || right === null) return compareTexts(a.base, b.base);
  return (
    compareNumbers(left.major, right.major, a, b) ||
    compareNumbers(left.minor, right.minor, a, b) ||
    compareNumbers(left.patch, right.patch, a, b) ||
    comparePrereleases(left.prerelease, right.prerelease)
  );
}

/** Numbers too large to be told apart are compared by the digits that they were read from. */
function compareNumbers(left: number | null, right: number | null, a: Tag, b: Tag): number {
  if (left === right) return left !== null && left > Number.MAX_SAFE_INTEGER ? compareLargeNumbers(left, a, b) : 0;
  if (left === null) return -1;
  if (right === null) return 1;
  return left < right ? -1 : 1;
}

/**
 * Compares the digits in two tags that round to the same number. Where several in one tag do, they count in the order in
 * which they stand there, which is the order in which the fields of a tag are compared.
 */
function compareLargeNumbers(value: number, a: Tag, b: Tag): number {
  const left = digitsOf(value, a);
  const right = digitsOf(value, b);
  for (const [index, digits] of left.entries()) {
    const order = compareDigits(digits, right[index] ?? "");
    if (order !== 0) return order;
  }
  return left.length - right.length;
}

function digitsOf(value: number, tag: Tag): readonly string[] {
  return (tag.tag.match(DIGITS) ?? []).filter((digits) => Number(digits) === value);
}

/** A missing text is below a present one. */
function compareTexts(a: string | null, b: string | null): number {
  if (a === null || b === null) return Number(a !== null) - Number(b !== null);
  return compareCodePoints(a, b);
}

/** A missing architecture is above a present one: the image for every architecture comes first. */
function compareArchitectures(a: string | null, b: string | null): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  return compareCodePoints(a, b);
}
