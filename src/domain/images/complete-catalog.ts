import { type CooperativeTask, mergeCooperatively, STEP_SIZE, sortCooperatively } from "../cooperative.ts";
import { isSameList } from "../same-list.ts";
import type { RemoteTag } from "../tags/remote-tag.ts";
import type { Tag } from "../tags/tag.ts";
import { compareTags } from "../tags/tag-order.ts";
import type { Catalog, CatalogEntry } from "./catalog.ts";
import { asMember, correctGroups } from "./catalog-groups.ts";
import type { CatalogPlan } from "./catalog-plan.ts";
import { EntryIndex } from "./entry-index.ts";
import { alone, createGrouping, type Grouped } from "./group.ts";
import type { Repository } from "./repository.ts";

/**
 * Completes a plan with the digests that were asked for: a tag of `plan.unresolved` that is not among them has vanished
 * and is left out. Entries that are as they were are taken from the previous catalog; where all are, it is given back.
 */
export function* completeCatalog(
  plan: CatalogPlan,
  digests: ReadonlyMap<string, RemoteTag>,
  previous: Catalog | null,
): CooperativeTask<Catalog> {
  const gone = new Set(plan.unresolved.filter((tag) => !digests.has(tag)));
  const prefix = referencePrefix(plan.repository);
  const entries: CatalogEntry[] = [];
  const groups = new Map<string, CatalogEntry[]>();
  for (let from = 0; from < plan.tags.length; from += STEP_SIZE) {
    for (const tag of plan.tags.slice(from, from + STEP_SIZE)) {
      if (gone.has(tag.tag)) continue;
      const remote = digests.get(tag.tag) ?? plan.remote.get(tag.tag);
      const member = { tag, remote, inPrepullSet: plan.prepull.has(tag.tag) };
      const before = previous?.byTag.get(tag.tag);
      const entry = isOfMember(before, member) ? before : newEntry(prefix, member, alone(tag));
      entries.push(entry);
      if (entry.digest !== null) append(groups, entry.digest, entry);
    }
    yield;
  }
  const withheld = [...digests.values()].flatMap(({ tag, fault }) =>
    fault === undefined ? [] : [`${tag} (${fault})`],
  );
  return yield* assembleCatalog({ plan, withheld }, entries, groups, previous);
}

interface Member {
  readonly tag: Tag;
  readonly remote: RemoteTag | undefined;
  readonly inPrepullSet: boolean;
}

/** Puts each entry right about its group, and all of them in order. `entries` come in display order as parsed. */
function* assembleCatalog(
  { plan, withheld }: { readonly plan: CatalogPlan } & Pick<Catalog, "withheld">,
  entries: readonly CatalogEntry[],
  groups: Map<string, CatalogEntry[]>,
  previous: Catalog | null,
): CooperativeTask<Catalog> {
  const corrected = yield* correctGroups(groups, previous);
  const right = corrected.size === 0 ? entries : entries.map((entry) => corrected.get(entry) ?? entry);
  yield;
  const ordered = yield* inOrderAfterResolution(right);
  if (previous !== null && isSameList(ordered, previous.entries)) return { ...previous, withheld };
  const positions = new Map<string, number>();
  for (let from = 0; from < ordered.length; from += STEP_SIZE) {
    for (const entry of ordered.slice(from, from + STEP_SIZE)) positions.set(entry.tag.tag, positions.size);
    yield;
  }
  const prepullSet = ordered.filter((entry) => entry.inPrepullSet);
  const listed = ordered.filter((entry) => entry.tag.architecture === null || entry.inPrepullSet);
  const byTag = new EntryIndex(ordered, positions);
  return { ...plan.repository, entries: ordered, byTag, groups, listed, prepullSet, withheld };
}

/** Only resolved aliases stand elsewhere than their tags as parsed, so they alone are sorted, and merged into the rest. */
function* inOrderAfterResolution(entries: readonly CatalogEntry[]): CooperativeTask<readonly CatalogEntry[]> {
  const stayed = entries.filter((entry) => entry.tag === entry.parsed);
  const moved = entries.filter((entry) => entry.tag !== entry.parsed);
  yield;
  const inOrder = (a: CatalogEntry, b: CatalogEntry): number => compareTags(a.tag, b.tag);
  return yield* mergeCooperatively(stayed, yield* sortCooperatively(moved, inOrder), inOrder);
}

function append(groups: Map<string, CatalogEntry[]>, digest: string, entry: CatalogEntry): void {
  const group = groups.get(digest);
  if (group === undefined) groups.set(digest, [entry]);
  else group.push(entry);
}

/** Whether the entry says of the registry what it says now; its group may have changed. */
function isOfMember(before: CatalogEntry | undefined, { tag, remote, inPrepullSet }: Member): before is CatalogEntry {
  return (
    before !== undefined &&
    before.parsed === tag &&
    before.digest === (remote?.digest ?? null) &&
    before.registrySize === (remote?.sizeBytes || null) &&
    before.inPrepullSet === inPrepullSet
  );
}

/** What stands before the tag in every reference, put together once for a catalog. */
function referencePrefix({ registry, repository }: Repository): string {
  return `${registry}/${repository}:`;
}

function newEntry(prefix: string, member: Member, grouped: Grouped): CatalogEntry {
  return {
    tag: grouped.tag,
    parsed: member.tag,
    digest: member.remote?.digest ?? null,
    registrySize: member.remote?.sizeBytes || null,
    aliases: grouped.aliases,
    aliasCount: grouped.aliasCount,
    aliasTarget: grouped.aliasTarget,
    inPrepullSet: member.inPrepullSet,
    prefix,
  };
}

/** An entry as if its digest had been known all along: for a look-up outside the prepull set (section 5). */
export function entryWithDigest(catalog: Catalog, entry: CatalogEntry, found: RemoteTag): CatalogEntry {
  const others = found.digest === null ? [] : (catalog.groups.get(found.digest) ?? []);
  const self: Member = { tag: entry.parsed, remote: found, inPrepullSet: entry.inPrepullSet };
  const group = [...others.filter((other) => other.parsed.tag !== entry.parsed.tag).map(asMember), self];
  const describe = createGrouping(group.sort((a, b) => compareTags(a.tag, b.tag)));
  return newEntry(referencePrefix(catalog), self, describe(self));
}

/** A tag as parsed, with a digest that the snapshot does not know (section 5, `image_for_reference`). */
export function entryOfOtherDigest(catalog: Catalog, entry: CatalogEntry, digest: string): CatalogEntry {
  const remote = { tag: entry.parsed.tag, digest, sizeBytes: null };
  const member = { tag: entry.parsed, remote, inPrepullSet: false };
  return newEntry(referencePrefix(catalog), member, alone(entry.parsed));
}
