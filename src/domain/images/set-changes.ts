import type { Catalog } from "./catalog.ts";

/** How the prepull set of one catalog differs from that of another: tags, in display order. */
export interface SetChanges {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  /** Tags of both that have another digest now. */
  readonly moved: readonly string[];
  /** What the recommended tag stands for, before and now, where that differs: a tag or a digest, null for nothing. */
  readonly recommended: { readonly from: string | null; readonly to: string | null } | null;
}

/** Compares the prepull sets of two catalogs. */
export function setChanges(before: Catalog, after: Catalog, recommendedTag: string): SetChanges {
  const [old, now] = [digestsByTag(before), digestsByTag(after)];
  const isMoved = recommendedDigest(before, recommendedTag) !== recommendedDigest(after, recommendedTag);
  return {
    added: [...now.keys()].filter((tag) => !old.has(tag)),
    removed: [...old.keys()].filter((tag) => !now.has(tag)),
    moved: [...now].flatMap(([tag, digest]) => (old.has(tag) && old.get(tag) !== digest ? [tag] : [])),
    recommended: isMoved
      ? { from: recommendedName(before, recommendedTag), to: recommendedName(after, recommendedTag) }
      : null,
  };
}

function digestsByTag({ prepullSet }: Catalog): ReadonlyMap<string, string | null> {
  return new Map(prepullSet.map(({ tag, digest }) => [tag.tag, digest]));
}

function recommendedDigest({ byTag }: Catalog, tag: string): string | null {
  return byTag.get(tag)?.digest ?? null;
}

function recommendedName({ byTag }: Catalog, tag: string): string | null {
  const entry = byTag.get(tag);
  return entry?.aliasTarget ?? entry?.digest ?? null;
}
