import type { Tag } from "./tag.ts";

// The expressions of the tag grammar (docs/spec/tags.md, after SQR-059). A tag comes from whoever may push, so each
// takes time linear in the tag: no two parts that can match the same text stand next to each other, but for the one lazy
// part, and that ends only at a `-` or where the tag ends.

const PARTS = String.raw`(?:_c(\d+)\.(\d+))?(?:_rsp(\d+))?(?:_(.+?))?(?:-([a-z0-9]+))?$`;

/**
 * Releases and candidates: major, minor, patch, rc, parts. One expression for both, since a candidate whose parts do not
 * fit is tried as a release.
 */
export const RELEASE = new RegExp(String.raw`^r(\d+)_(\d+)_(\d+)(?:_rc(\d+))?${PARTS}`, "s");
/** Releases as they were named up to 17: major, minor. */
export const OBSOLETE_RELEASE = /^r(\d\d)(\d)$/;
/** Weeklies: year, week, parts. */
export const WEEKLY = new RegExp(String.raw`^w_(\d+)_(\d+)${PARTS}`, "s");
/** Dailies: year, month, day, parts. */
export const DAILY = new RegExp(String.raw`^d_(\d+)_(\d+)_(\d+)${PARTS}`, "s");
/** Everything else, aliases and unknown tags: base (the shortest that fits, perhaps empty), cycle, architecture. */
export const NAME = /^(.*?)(?:_c(\d+))?(?:-([a-z0-9]+))?$/s;

/** Where the parts (cycle, cycle build, build, extra, architecture) begin among an expression's groups. */
export const PART_START = { release: 5, weekly: 3, daily: 4 } as const;

/** What makes a tag experimental, where something follows it; it may stand there several times. */
export const EXPERIMENTAL = "exp_";

/** Where the tag begins that an experimental tag is a build of; 0 for all other tags. */
export function restStart(tag: string): number {
  let start = 0;
  while (tag.startsWith(EXPERIMENTAL, start) && tag.length > start + EXPERIMENTAL.length) start += EXPERIMENTAL.length;
  return start;
}

/** The numbers of a tag by which it is ordered. */
export type NumberField = "major" | "minor" | "patch" | "cycle" | "cycleBuild" | "build";

/** The digits that a number of a parsed tag was read from, or undefined. For numbers too large to be distinguished. */
export function digitsBehind(tag: Tag, field: NumberField): string | undefined {
  const rest = tag.tag.slice(tag.type === "EXPERIMENTAL" ? restStart(tag.tag) : 0);
  if (tag.version === null) return field === "cycle" ? NAME.exec(rest)?.[2] : undefined;
  if (tag.semantic) {
    const groups = { major: 1, minor: 2, patch: 3, ...partGroups(PART_START.release) };
    return RELEASE.exec(rest)?.[groups[field]];
  }
  // Years, months and days are small wherever they are true.
  if (field === "major" || field === "minor" || field === "patch") return undefined;
  const weekly = WEEKLY.exec(rest);
  if (weekly !== null) return weekly[partGroups(PART_START.weekly)[field]];
  return DAILY.exec(rest)?.[partGroups(PART_START.daily)[field]];
}

function partGroups(first: number) {
  return { cycle: first, cycleBuild: first + 1, build: first + 2 };
}
