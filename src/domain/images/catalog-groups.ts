import { type CooperativeTask, STEP_SIZE } from "../cooperative.ts";
import { isSameList } from "../same-list.ts";
import type { Catalog, CatalogEntry } from "./catalog.ts";
import { createGrouping, type Grouped, type GroupMember } from "./group.ts";

/** An entry as a member of its digest's group. */
export function asMember({ parsed, inPrepullSet }: CatalogEntry): GroupMember {
  return { tag: parsed, inPrepullSet };
}

/**
 * Entries were made as if each were alone, or taken over from an earlier catalog: where its digest's group says something
 * else of one, another entry takes its place in the group. Returns which are replaced by which.
 */
export function* correctGroups(
  groups: ReadonlyMap<string, CatalogEntry[]>,
  previous: Catalog | null,
): CooperativeTask<ReadonlyMap<CatalogEntry, CatalogEntry>> {
  const corrected = new Map<CatalogEntry, CatalogEntry>();
  let seen = 0;
  for (const [digest, group] of groups) {
    if (++seen % STEP_SIZE === 0) yield;
    if (group.length === 1 && isAlone(group[0])) continue;
    // Entries of the earlier catalog have been corrected by this very group.
    if (isSameList(group, previous?.groups.get(digest) ?? [])) continue;
    yield* correctGroup(group, corrected);
  }
  return corrected;
}

function* correctGroup(group: CatalogEntry[], corrected: Map<CatalogEntry, CatalogEntry>): CooperativeTask<void> {
  const describe = createGrouping(group.map(asMember));
  for (const [at, entry] of group.entries()) {
    if (at % STEP_SIZE === STEP_SIZE - 1) yield;
    const grouped = describe({ tag: entry.parsed });
    if (isSameGrouped(entry, grouped)) continue;
    const right = { ...entry, ...grouped };
    corrected.set(entry, right);
    group[at] = right;
  }
}

function isAlone(entry: CatalogEntry | undefined): boolean {
  return entry?.aliasTarget === null && entry.aliasCount === 0;
}

function isSameGrouped(before: CatalogEntry, { tag, aliases, aliasCount, aliasTarget }: Grouped): boolean {
  return (
    before.aliasTarget === aliasTarget &&
    before.aliasCount === aliasCount &&
    before.tag.displayName === tag.displayName &&
    before.tag.type === tag.type &&
    before.tag.architecture === tag.architecture &&
    isSameList(before.aliases, aliases)
  );
}
