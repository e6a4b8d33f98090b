import type { Tag, TagType } from "../tags/tag.ts";
import { compareTags, compareTagVersions } from "../tags/tag-order.ts";
import { parseTag } from "../tags/tag-parse.ts";
import type { SchemeAbilities, SchemeTag, TagScheme } from "./scheme.ts";

const CLASSES: Readonly<Partial<Record<TagType, string>>> = {
  RELEASE: "release",
  WEEKLY: "weekly",
  DAILY: "daily",
  RELEASE_CANDIDATE: "releaseCandidate",
  EXPERIMENTAL: "experimental",
};
const DATED: ReadonlySet<string> = new Set(["weekly", "daily", "experimental"]);
const NUMBERED: ReadonlySet<string> = new Set(["release", "releaseCandidate"]);

/**
 * The tags of SQR-059 (docs/spec/tags.md) in display order. A variant is an architecture.
 * @param cycle tags of another cycle, or of none, are left out; null for no such limit
 */
export function createRubinScheme(cycle: number | null): TagScheme {
  return {
    name: "rubin",
    classes: Object.values(CLASSES),
    needsClass: true,
    readsFirst: true,
    usesPushTime: false,
    abilities,
    read: ({ tag }) => readRubin(parseTag(tag)),
    drops: (tag) => cycle !== null && tag.cycle !== cycle,
    siblingKey: () => null,
    yieldsTo: () => null,
    compare: compareTags,
    isSameVersion: (a, b) => a.type === b.type && compareTagVersions(a, b) === 0,
  };
}

function abilities(ofClass: string | null): SchemeAbilities {
  const has = (classes: ReadonlySet<string>) => ofClass === null || classes.has(ofClass);
  return { order: true, major: has(NUMBERED), minor: has(NUMBERED), date: has(DATED), variant: true };
}

function readRubin(tag: Tag): SchemeTag | null {
  const ofClass = CLASSES[tag.type];
  if (ofClass === undefined) return null;
  return { ...tag, class: ofClass, ranked: true, prerelease: false, variant: tag.architecture, order: [] };
}
