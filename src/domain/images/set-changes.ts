import type { WantedSet } from "../sets/wanted.ts";
import type { CatalogEntry } from "./catalog.ts";

/** How what a set wants differs between two snapshots: tags, in the order of its rules. */
export interface SetChanges {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  /** Tags of both that have another digest now. */
  readonly moved: readonly string[];
  /** What the first image of the set stands for, before and now, where that differs. */
  readonly first: FirstChange | null;
}

/** The tag by which a set wants its first image, with what it stands for: a tag or a digest, null for nothing. */
interface FirstChange {
  readonly tag: string;
  readonly from: string | null;
  readonly to: string | null;
}

/** Compares what a set wanted with what it wants. */
export function setChanges(before: WantedSet, after: WantedSet): SetChanges {
  const [old, now] = [digestsByTag(before), digestsByTag(after)];
  const isMoved = (before.first?.digest ?? null) !== (after.first?.digest ?? null);
  return {
    added: [...now.keys()].filter((tag) => !old.has(tag)),
    removed: [...old.keys()].filter((tag) => !now.has(tag)),
    moved: [...now].flatMap(([tag, digest]) => (old.has(tag) && old.get(tag) !== digest ? [tag] : [])),
    first: isMoved ? { tag: firstTag(before, after), from: nameOf(before.first), to: nameOf(after.first) } : null,
  };
}

/** How many tags a set wants. */
export function wantedTags(set: WantedSet): number {
  return digestsByTag(set).size;
}

function digestsByTag({ rules }: WantedSet): ReadonlyMap<string, string | null> {
  return new Map(rules.flatMap(({ wanted }) => wanted.map(({ parsed, digest }) => [parsed.tag, digest] as const)));
}

function firstTag(before: WantedSet, after: WantedSet): string {
  return after.first?.parsed.tag ?? before.first?.parsed.tag ?? "";
}

function nameOf(entry: CatalogEntry | null): string | null {
  return entry?.aliasTarget ?? entry?.digest ?? null;
}
