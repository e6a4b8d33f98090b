import { prepullTags } from "../prepull/plan.ts";
import { isSameList } from "../same-list.ts";
import type { ImageSettings } from "../settings.ts";
import { parseTagFor } from "../tags/alias-parse.ts";
import type { RemoteTag } from "../tags/remote-tag.ts";
import type { Tag } from "../tags/tag.ts";
import { compareTags, sortTags } from "../tags/tag-order.ts";
import { isRunnableTag, isValidTag } from "../tags/tag-parse.ts";
import { alone, createGrouping, type Grouped, type GroupMember } from "./group.ts";
import type { Repository } from "./repository.ts";

/** Work that is done in slices: each `next` does a few milliseconds' worth, so that whoever drives it can pause. */
export type Sliced<T> = Generator<undefined, T, undefined>;

/** How many tags one slice takes. */
const SLICE = 128;

/** One remote image without what the nodes add to it. */
export interface CatalogEntry {
  /** As described: aliases are resolved. */
  readonly tag: Tag;
  /** As parsed, before the digest's group had its say. */
  readonly parsed: Tag;
  readonly digest: string | null;
  /** Bytes by the registry's word, or null. */
  readonly registrySize: number | null;
  readonly aliases: readonly string[];
  readonly aliasCount: number;
  readonly aliasTarget: string | null;
  readonly inPrepullSet: boolean;
  readonly reference: string;
  readonly pullReference: string;
}

/** All remote images of one refresh, with the prepull set: what is known before any node is looked at. Immutable. */
export interface Catalog extends Repository {
  readonly source: CatalogPlan;
  /** In display order after aliases are resolved. */
  readonly entries: readonly CatalogEntry[];
  readonly byTag: ReadonlyMap<string, CatalogEntry>;
  /** Where each entry stands in `entries`. Made here, in slices: a new snapshot must not stop for it. */
  readonly places: ReadonlyMap<CatalogEntry, number>;
  /** The images of one digest, in the display order of their tags as parsed. */
  readonly groups: ReadonlyMap<string, readonly CatalogEntry[]>;
  /**
   * What lists show: architecture-specific images only where they are in the prepull set (behaviour.md section 3). In
   * display order.
   */
  readonly listed: readonly CatalogEntry[];
  /** The prepull set, in display order. */
  readonly prepullSet: readonly CatalogEntry[];
  /** Tags of the prepull set that the registry does not give out, each with the reason behind it, in parentheses (field case F8). */
  readonly withheld: readonly string[];
}

/** A listing that has been read, sorted and planned; digests may still be missing. */
export interface CatalogPlan {
  readonly repository: Repository;
  /** In display order as parsed. */
  readonly tags: readonly Tag[];
  readonly remote: ReadonlyMap<string, RemoteTag>;
  readonly prepull: ReadonlySet<string>;
  /** Tags of the prepull set whose digest the listing did not tell. */
  readonly unresolved: readonly string[];
}

/**
 * Reads a listing: drops what is no runnable image or not of the cycle, parses, sorts, chooses the prepull set. Tags
 * that the previous plan had are not parsed again.
 */
export function* planCatalog(
  settings: ImageSettings,
  repository: Repository,
  listing: readonly RemoteTag[],
  previous: CatalogPlan | null,
): Sliced<CatalogPlan> {
  const aliasTags = new Set([settings.recommendedTag, ...settings.aliasTags]);
  const known = new Map<string, Tag>();
  for (const tag of previous?.tags ?? []) known.set(tag.tag, tag);
  const remote = new Map<string, RemoteTag>();
  const byType = new Map<Tag["type"], Tag[]>();
  for (let from = 0; from < listing.length; from += SLICE) {
    for (const entry of listing.slice(from, from + SLICE)) {
      if (remote.has(entry.tag) || !isValidTag(entry.tag) || !isRunnableTag(entry.tag)) continue;
      const tag = known.get(entry.tag) ?? parseTagFor(entry.tag, aliasTags);
      if (settings.cycle !== null && tag.cycle !== settings.cycle) continue;
      remote.set(entry.tag, entry);
      const ofType = byType.get(tag.type);
      if (ofType === undefined) byType.set(tag.type, [tag]);
      else ofType.push(tag);
    }
    yield;
  }
  const tags = yield* sortByType(byType);
  const prepull = prepullTags(settings, tags);
  const unresolved = [...prepull].filter((tag) => (remote.get(tag)?.digest ?? null) === null);
  return { repository, tags, remote, prepull, unresolved };
}

/** Types are sorted one by one, each in a slice of its own; tags of one type stand together in display order. */
function* sortByType(byType: ReadonlyMap<Tag["type"], readonly Tag[]>): Sliced<readonly Tag[]> {
  const runs: (readonly Tag[])[] = [];
  for (const tags of byType.values()) {
    runs.push(sortTags(tags));
    yield;
  }
  runs.sort(([a], [b]) => (a === undefined || b === undefined ? 0 : compareTags(a, b)));
  return runs.flat();
}

/**
 * Completes a plan with the digests that were asked for: a tag of `plan.unresolved` that is not among them has vanished
 * and is left out. Entries that are as they were are taken from the previous catalog; where all are, it is given back.
 */
export function* completeCatalog(
  plan: CatalogPlan,
  digests: ReadonlyMap<string, RemoteTag>,
  previous: Catalog | null,
): Sliced<Catalog> {
  const gone = new Set(plan.unresolved.filter((tag) => !digests.has(tag)));
  const prefix = referencePrefix(plan.repository);
  const entries: CatalogEntry[] = [];
  const groups = new Map<string, CatalogEntry[]>();
  for (let from = 0; from < plan.tags.length; from += SLICE) {
    for (const tag of plan.tags.slice(from, from + SLICE)) {
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
): Sliced<Catalog> {
  const corrected = yield* correctGroups(groups);
  const right = corrected.size === 0 ? entries : entries.map((entry) => corrected.get(entry) ?? entry);
  yield;
  const ordered = yield* inOrderAfterResolution(right);
  if (previous !== null && isSameList(ordered, previous.entries)) return { ...previous, source: plan, withheld };
  const byTag = new Map<string, CatalogEntry>();
  const places = new Map<CatalogEntry, number>();
  for (let from = 0; from < ordered.length; from += SLICE) {
    for (const entry of ordered.slice(from, from + SLICE)) {
      byTag.set(entry.tag.tag, entry);
      places.set(entry, places.size);
    }
    yield;
  }
  const prepullSet = ordered.filter((entry) => entry.inPrepullSet);
  const listed = ordered.filter((entry) => entry.tag.architecture === null || entry.inPrepullSet);
  return { ...plan.repository, source: plan, entries: ordered, byTag, places, groups, listed, prepullSet, withheld };
}

/**
 * Entries were made as if each were alone, or taken over from an earlier catalog: where its digest's group says something
 * else of one, another entry takes its place in the group. Answers which are replaced by which.
 */
function* correctGroups(groups: Map<string, CatalogEntry[]>): Sliced<ReadonlyMap<CatalogEntry, CatalogEntry>> {
  const corrected = new Map<CatalogEntry, CatalogEntry>();
  let seen = 0;
  for (const group of groups.values()) {
    if (++seen % SLICE === 0) yield;
    if (group.length === 1 && isAlone(group[0])) continue;
    const describe = createGrouping(group.map(asMember));
    for (const [at, entry] of group.entries()) {
      if (++seen % SLICE === 0) yield;
      const grouped = describe({ tag: entry.parsed });
      if (isSameGrouped(entry, grouped)) continue;
      const right = { ...entry, ...grouped };
      corrected.set(entry, right);
      group[at] = right;
    }
  }
  return corrected;
}

function isAlone(entry: CatalogEntry | undefined): boolean {
  return entry?.aliasTarget === null && entry.aliasCount === 0;
}

function asMember({ parsed, inPrepullSet }: CatalogEntry): GroupMember {
  return { tag: parsed, inPrepullSet };
}

/** Only resolved aliases stand elsewhere than their tags as parsed, so they alone are sorted, and merged into the rest. */
function* inOrderAfterResolution(entries: readonly CatalogEntry[]): Sliced<readonly CatalogEntry[]> {
  const stayed = entries.filter((entry) => entry.tag === entry.parsed);
  const moved = entries.filter((entry) => entry.tag !== entry.parsed);
  yield;
  moved.sort((a, b) => compareTags(a.tag, b.tag));
  yield;
  const merged: CatalogEntry[] = [];
  let at = 0;
  for (const entry of moved) {
    for (let next = stayed[at]; next !== undefined && compareTags(next.tag, entry.tag) < 0; next = stayed[++at]) {
      merged.push(next);
    }
    merged.push(entry);
  }
  return merged.concat(stayed.slice(at));
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

/**
 * What stands before the tag in every reference. Put together once for a catalog: V8 keeps a concatenation as a tree of
 * its parts, and to repeat this part for each of 20,000 tags costs 2 MB and 3 ms of garbage collection.
 */
function referencePrefix({ registry, repository }: Repository): string {
  return `${registry}/${repository}:`;
}

function newEntry(prefix: string, member: Member, grouped: Grouped): CatalogEntry {
  const digest = member.remote?.digest ?? null;
  const reference = prefix + member.tag.tag;
  return {
    tag: grouped.tag,
    parsed: member.tag,
    digest,
    registrySize: member.remote?.sizeBytes || null,
    aliases: grouped.aliases,
    aliasCount: grouped.aliasCount,
    aliasTarget: grouped.aliasTarget,
    inPrepullSet: member.inPrepullSet,
    reference,
    pullReference: digest === null ? reference : `${reference}@${digest}`,
  };
}

/** Does the whole of a sliced piece of work at once. */
export function runWhole<T>(work: Sliced<T>): T {
  for (;;) {
    const step = work.next();
    if (step.done) return step.value;
  }
}

/** An entry as if its digest had been known all along: for a look-up outside the prepull set (section 5). */
export function entryWithDigest(catalog: Catalog, entry: CatalogEntry, found: RemoteTag): CatalogEntry {
  const others = found.digest === null ? [] : (catalog.groups.get(found.digest) ?? []);
  const self: Member = { tag: entry.parsed, remote: found, inPrepullSet: entry.inPrepullSet };
  const group = [
    ...others
      .filter((other) => other.parsed.tag !== entry.parsed.tag)
      .map((other) => ({ tag: other.parsed, remote: undefined, inPrepullSet: other.inPrepullSet })),
    self,
  ].sort((a, b) => compareTags(a.tag, b.tag));
  return newEntry(referencePrefix(catalog), self, createGrouping(group)(self));
}

/** A tag as parsed, with a digest that the snapshot does not know (section 5, `image_for_reference`). */
export function entryOfOtherDigest(catalog: Catalog, entry: CatalogEntry, digest: string): CatalogEntry {
  const remote = { tag: entry.parsed.tag, digest, sizeBytes: null };
  const member = { tag: entry.parsed, remote, inPrepullSet: false };
  return newEntry(referencePrefix(catalog), member, alone(entry.parsed));
}
