import type { SchemeTag, TagScheme } from "../schemes/scheme.ts";
import type { NewestRule } from "../settings.ts";
import type { SourceEntry } from "./source-view.ts";

/** One tag that a `newest` rule counts, with its version's place among those that it counts: 1 for the newest. */
export interface Counted<Entry> {
  readonly entry: Entry;
  readonly place: number;
}

/** Counts the versions of the tags that are passed to it, in their order. */
export interface VersionCounter<Entry> {
  /** The tag's place; null where counting has stopped before it. */
  count(entry: Entry): Counted<Entry> | null;
  /** Whether a limit on digests has stopped the count before there were enough versions. */
  readonly isCut: boolean;
}

/** The versions of one group of `newestPer`, or all of them. */
interface Group {
  last: SchemeTag | null;
  /** Versions so far, without those all of whose digests came with newer ones. */
  versions: number;
  /** Whether the version that is being read has a digest of its own. */
  isFresh: boolean;
  /** Of newer versions. */
  readonly seen: Set<string>;
  /** Of the version that is being read. */
  readonly current: Set<string>;
  read: number;
  isClosed: boolean;
}

/** Where counting ends; explanations count on. */
export interface CountLimits {
  /** Versions of each group; null for no end. */
  readonly versions: number | null;
  /** Tags of each group before the version that is read last; null for no limit. */
  readonly tags: number | null;
}

/** What is counted: versions as the scheme has them, or each tag. */
export type CountedAs = Pick<TagScheme, "isSameVersion"> | "tags";

/** Digests that are looked up to count `newest` versions by digest, at most (docs/spec/sets.md 3.4). */
export function maxLookUps(newest: number): number {
  return 3 * newest + 10;
}

/**
 * Creates a counter of versions: tags that differ in variant alone are one version, and one all of whose digests came with
 * newer versions does not count. A tag whose digest is not known has one of its own. Entries come in the scheme's order.
 */
export function createVersionCounter<Entry extends SourceEntry>(
  { newestPer }: Pick<NewestRule, "newestPer">,
  countedAs: CountedAs,
  limits: CountLimits,
): VersionCounter<Entry> {
  const groups = new Map<string, Group>();
  let isCut = false;

  function begin(group: Group): boolean {
    if (limits.versions !== null && group.versions >= limits.versions) return false;
    if (countedAs !== "tags" && limits.tags !== null && group.read >= limits.tags) {
      isCut = true;
      return false;
    }
    for (const digest of group.current) group.seen.add(digest);
    group.current.clear();
    group.isFresh = false;
    return true;
  }

  return {
    get isCut() {
      return isCut;
    },
    count(entry) {
      const { parsed, digest } = entry;
      const group = groupFor(groups, parsed, newestPer);
      if (group.isClosed) return null;
      const isSame = countedAs !== "tags" && group.last !== null && countedAs.isSameVersion(group.last, parsed);
      if (!isSame && !begin(group)) {
        group.isClosed = true;
        return null;
      }
      group.last = parsed;
      group.read += 1;
      if (!group.isFresh && (countedAs === "tags" || digest === null || !group.seen.has(digest))) {
        group.isFresh = true;
        group.versions += 1;
      }
      if (digest !== null) group.current.add(digest);
      return { entry, place: group.versions };
    },
  };
}

function groupFor(groups: Map<string, Group>, tag: SchemeTag, per: NewestRule["newestPer"]): Group {
  const key = groupKey(tag, per);
  const known = groups.get(key);
  if (known !== undefined) return known;
  const group: Group = {
    last: null,
    versions: 0,
    isFresh: false,
    seen: new Set(),
    current: new Set(),
    read: 0,
    isClosed: false,
  };
  groups.set(key, group);
  return group;
}

function groupKey({ version, variant }: SchemeTag, per: NewestRule["newestPer"]): string {
  switch (per) {
    case null:
      return "";
    case "variant":
      return variant === null ? "" : `-${variant}`;
    case "major":
      return String(version?.major);
    case "minor":
      return `${version?.major}.${version?.minor}`;
  }
}
