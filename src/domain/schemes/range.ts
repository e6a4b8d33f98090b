import type { TagVersion } from "../tags/tag.ts";
import { compareVersions } from "../tags/version.ts";

/** A range of versions: npm's, parsed. */
export interface VersionRange {
  /** Whether prereleases may be in it. */
  readonly admitsPrereleases: boolean;
  has(version: TagVersion): boolean;
}

/** One alternative: what all of its comparators hold for. */
interface Alternative {
  readonly admitsPrereleases: boolean;
  readonly comparators: readonly Comparator[];
}

interface Comparator {
  readonly operator: "<" | "<=" | ">" | ">=" | "=";
  readonly version: TagVersion;
}

/** A version of which parts may be missing: `1`, `1.2`, `1.x`, `1.2.3-rc.1`. */
interface Partial {
  readonly major: number | null;
  readonly minor: number | null;
  readonly patch: number | null;
  readonly prerelease: string | null;
}

const NUMBER = String.raw`(?:0|[1-9]\d{0,14})`;
const ANY = "[xX*]";
const IDENTIFIER = String.raw`(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)`;
const PRERELEASE = String.raw`-(?:${IDENTIFIER}(?:\.${IDENTIFIER})*)`;
const BUILD = String.raw`\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*`;
/** After a missing part no number follows. */
const MINOR = String.raw`\.(?:${ANY}(?:\.${ANY})?|${NUMBER}(?:\.(?:${ANY}|${NUMBER}(?:${PRERELEASE})?(?:${BUILD})?))?)`;
const PARTIAL = String.raw`[v=\s]*(?:${ANY}(?:\.${ANY}){0,2}|${NUMBER}(?:${MINOR})?)`;
const SIMPLE = new RegExp(String.raw`^(\^|~>?|[<>]=?|=)?\s*(${PARTIAL})(?:\s+|$)`);
const HYPHEN = new RegExp(String.raw`^(${PARTIAL})\s+-\s+(${PARTIAL})$`);
const PARTS = /^[v=\s]*([^.]+)(?:\.([^.]+)(?:\.([^.+-]+)(?:-([0-9A-Za-z.-]+))?)?)?/;

/** Below every version of the same numbers. */
const LOWEST = "0";

/**
 * Parses a range as npm has them (`^4.2.0`, `~4.3`, `3.x || >=5.0.0-0`, `1.0 - 2.0`), where a comma is a blank. An
 * alternative that names a prerelease admits all prereleases; the others admit none. The number after `rc` counts as a
 * number.
 * @param admitPrereleases whether every alternative admits prereleases
 * @returns null where the text is no range
 */
export function parseRange(text: string, admitPrereleases = false): VersionRange | null {
  if (text.replaceAll(/[\s,]/g, "") === "") return null;
  const alternatives: Alternative[] = [];
  for (const part of text.replaceAll(",", " ").split("||")) {
    const alternative = parseAlternative(part.trim(), admitPrereleases);
    if (alternative === null) return null;
    alternatives.push(alternative);
  }
  return {
    admitsPrereleases: alternatives.some((each) => each.admitsPrereleases),
    has: (version) => alternatives.some((each) => isWithin(version, each)),
  };
}

function isWithin(version: TagVersion, { admitsPrereleases, comparators }: Alternative): boolean {
  if (version.prerelease !== null && !admitsPrereleases) return false;
  return comparators.every(({ operator, version: bound }) => {
    const order = compareVersions(version, bound);
    if (order === 0) return operator.endsWith("=");
    return operator.startsWith(order < 0 ? "<" : ">");
  });
}

function parseAlternative(text: string, admitPrereleases: boolean): Alternative | null {
  const hyphen = HYPHEN.exec(text);
  if (hyphen !== null) {
    const from = parsePartial(hyphen[1] ?? "");
    const to = parsePartial(hyphen[2] ?? "");
    const admitsPrereleases = admitPrereleases || from.prerelease !== null || to.prerelease !== null;
    return { admitsPrereleases, comparators: [...fromPartial(from), ...toPartial(to)] };
  }
  const simple: { readonly operator: string; readonly partial: Partial }[] = [];
  for (let rest = text; rest !== ""; ) {
    const match = SIMPLE.exec(rest);
    if (match === null) return null;
    simple.push({ operator: match[1] ?? "", partial: parsePartial(match[2] ?? "") });
    rest = rest.slice(match[0].length);
  }
  const admitsPrereleases = admitPrereleases || simple.some(({ partial }) => partial.prerelease !== null);
  return { admitsPrereleases, comparators: simple.flatMap(({ operator, partial }) => expand(operator, partial)) };
}

function parsePartial(text: string): Partial {
  const [, major, minor, patch, prerelease = null] = PARTS.exec(text) ?? [];
  const number = (part: string | undefined) => (part === undefined || !/^\d/.test(part) ? null : Number(part));
  return { major: number(major), minor: number(minor), patch: number(patch), prerelease };
}

function expand(operator: string, partial: Partial): readonly Comparator[] {
  switch (operator) {
    case "^":
      return [...fromPartial(partial), ...below(nextOfCaret(partial))];
    case "~":
    case "~>":
      return [...fromPartial(partial), ...below(nextOf(partial))];
    case "":
    case "=":
      return isComplete(partial)
        ? [{ operator: "=", version: complete(partial) }]
        : [...fromPartial(partial), ...below(nextOf(partial))];
    default:
      return expandComparison(operator, partial);
  }
}

function expandComparison(operator: string, partial: Partial): readonly Comparator[] {
  const isStrict = !operator.endsWith("=");
  if (partial.major === null) return isStrict ? [{ operator: "<", version: versionOf(0, 0, 0, LOWEST) }] : [];
  if (isComplete(partial)) {
    const version = complete(partial);
    if (operator.startsWith("<")) return [{ operator: isStrict ? "<" : "<=", version }];
    return [{ operator: isStrict ? ">" : ">=", version }];
  }
  const next = nextOf(partial);
  if (operator === ">") return next === null ? [] : [{ operator: ">=", version: { ...next, prerelease: LOWEST } }];
  if (operator === ">=") return fromPartial(partial);
  return operator === "<" ? below(complete(partial)) : below(next);
}

/** From the first version that the partial stands for; with its prereleases where it is not complete. */
function fromPartial(partial: Partial): readonly Comparator[] {
  if (partial.major === null) return [];
  const version = complete(partial);
  return [{ operator: ">=", version: isComplete(partial) ? version : { ...version, prerelease: LOWEST } }];
}

function toPartial(partial: Partial): readonly Comparator[] {
  return isComplete(partial) ? [{ operator: "<=", version: complete(partial) }] : below(nextOf(partial));
}

/** Below a version and all of its prereleases; no limit for null. */
function below(version: TagVersion | null): readonly Comparator[] {
  return version === null ? [] : [{ operator: "<", version: { ...version, prerelease: LOWEST } }];
}

/** The first version after all that a partial stands for, by its last number but the patch; null where it has none. */
function nextOf({ major, minor }: Partial): TagVersion | null {
  if (major === null) return null;
  return minor === null ? versionOf(major + 1, 0, 0) : versionOf(major, minor + 1, 0);
}

/** The first version that `^` does not take: by the first number that is not 0. */
function nextOfCaret({ major, minor, patch }: Partial): TagVersion | null {
  if (major === null) return null;
  if (major > 0 || minor === null) return versionOf(major + 1, 0, 0);
  return minor > 0 || patch === null ? versionOf(0, minor + 1, 0) : versionOf(0, 0, patch + 1);
}

function isComplete({ patch }: Partial): boolean {
  return patch !== null;
}

function complete({ major, minor, patch, prerelease }: Partial): TagVersion {
  return versionOf(major ?? 0, minor ?? 0, patch ?? 0, prerelease);
}

function versionOf(major: number, minor: number, patch: number, prerelease: string | null = null): TagVersion {
  return { major, minor, patch, prerelease, build: null };
}
