import { compareCodePoints, compareDigits } from "../text-order.ts";
import { TAG_TYPES, type Tag } from "./tag.ts";
import { digitsBehind, type NumberField } from "./tag-grammar.ts";
import { comparePrereleases } from "./version.ts";

/** Tags in display order, in a new array. */
export function sortTags(tags: readonly Tag[]): Tag[] {
  return tags.toSorted(compareTags);
}

/**
 * Display order (docs/spec/tags.md): by type, inside a type the highest first. Total: 0 only for the same tag of the
 * same type. Negative where `a` is shown first.
 */
export function compareTags(a: Tag, b: Tag): number {
  if (a.type !== b.type) return TAG_TYPES.indexOf(a.type) - TAG_TYPES.indexOf(b.type);
  return (
    compareTagVersions(b, a) || compareArchitectures(b.architecture, a.architecture) || compareCodePoints(b.tag, a.tag)
  );
}

/**
 * The part of display order inside a type that is neither architecture nor spelling: 0 for builds of one version for
 * several architectures. Negative where `a` is the lower one.
 */
export function compareTagVersions(a: Tag, b: Tag): number {
  return (
    compareIdentity(a, b) ||
    compareNumbers(a.cycle, b.cycle, a, b, "cycle") ||
    compareNumbers(a.cycleBuild, b.cycleBuild, a, b, "cycleBuild") ||
    compareNumbers(a.build, b.build, a, b, "build") ||
    compareTexts(a.extra, b.extra)
  );
}

/** By version where both have one, else by base name. */
function compareIdentity(a: Tag, b: Tag): number {
  const left = a.version;
  const right = b.version;
  if (left === null || right === null) return compareTexts(a.base, b.base);
  return (
    compareNumbers(left.major, right.major, a, b, "major") ||
    compareNumbers(left.minor, right.minor, a, b, "minor") ||
    compareNumbers(left.patch, right.patch, a, b, "patch") ||
    comparePrereleases(left.prerelease, right.prerelease)
  );
}

/** A missing number is below a present one. Those too large to be distinguished are compared by their digits. */
function compareNumbers(left: number | null, right: number | null, a: Tag, b: Tag, field: NumberField): number {
  if (left === right) {
    if (left === null || left <= Number.MAX_SAFE_INTEGER) return 0;
    return compareDigits(digitsOf(left, a, field), digitsOf(left, b, field));
  }
  if (left === null) return -1;
  if (right === null) return 1;
  return left < right ? -1 : 1;
}

/** The digits of a number, or what is left of them where the tag itself does not spell the number. */
function digitsOf(value: number, tag: Tag, field: NumberField): string {
  const digits = digitsBehind(tag, field);
  return digits !== undefined && Number(digits) === value ? digits : String(value);
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
