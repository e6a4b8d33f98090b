import { parseTagFor } from "./alias-parse.ts";
import { type Grouped, groupTag, primaryOf } from "./group.ts";
import { prepullTags } from "./plan.ts";
import type { RemoteTag } from "./remote-tag.ts";
import type { ImageSettings } from "./settings.ts";
import type { Tag } from "./tag.ts";
import { compareTags, sortTags } from "./tag-order.ts";
import { isRunnableTag, isValidTag } from "./tag-parse.ts";

/** Work that is done in slices: each `next` does a few milliseconds' worth, so that whoever drives it can pause. */
export type Sliced<T> = Generator<undefined, T, undefined>;

/** How many tags one slice takes. */
const SLICE = 512;

/** Where the images are: the first two parts of every reference. */
export interface Repository {
  readonly registry: string;
  readonly repository: string;
}

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
  /** The images of one digest, in the display order of their tags as parsed. */
  readonly groups: ReadonlyMap<string, readonly CatalogEntry[]>;
  /**
   * What lists show: architecture-specific images only where they are in the prepull set (behaviour.md section 3). In
   * display order.
   */
  readonly listed: readonly CatalogEntry[];
  /** The prepull set, in display order. */
  readonly prepullSet: readonly CatalogEntry[];
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
  const members: Member[] = [];
  const groups = new Map<string, Member[]>();
  for (let from = 0; from < plan.tags.length; from += SLICE) {
    for (const tag of plan.tags.slice(from, from + SLICE)) {
      if (gone.has(tag.tag)) continue;
      const remote = digests.get(tag.tag) ?? plan.remote.get(tag.tag);
      const member = { tag, remote, inPrepullSet: plan.prepull.has(tag.tag) };
      members.push(member);
      const digest = remote?.digest;
      if (!digest) continue;
      const group = groups.get(digest);
      if (group === undefined) groups.set(digest, [member]);
      else group.push(member);
    }
    yield;
  }
  return yield* assembleCatalog(plan, members, groups, previous);
}

interface Member {
  readonly tag: Tag;
  readonly remote: RemoteTag | undefined;
  readonly inPrepullSet: boolean;
}

function* assembleCatalog(
  plan: CatalogPlan,
  members: readonly Member[],
  groups: ReadonlyMap<string, readonly Member[]>,
  previous: Catalog | null,
): Sliced<Catalog> {
  const entries: CatalogEntry[] = [];
  const byTag = new Map<string, CatalogEntry>();
  const entriesOf = new Map<string, CatalogEntry[]>();
  let moved = false;
  for (let from = 0; from < members.length; from += SLICE) {
    for (const member of members.slice(from, from + SLICE)) {
      const digest = member.remote?.digest ?? null;
      const group = digest === null ? [member] : (groups.get(digest) ?? [member]);
      const grouped = groupTag(member, group, primaryOf(group)?.tag ?? member.tag);
      const before = previous?.byTag.get(member.tag.tag);
      const entry = isSameEntry(before, member, grouped) ? before : newEntry(plan.repository, member, grouped);
      entries.push(entry);
      byTag.set(entry.tag.tag, entry);
      if (digest !== null) append(entriesOf, digest, entry);
      moved ||= entry.tag !== entry.parsed;
    }
    yield;
  }
  const ordered = moved ? yield* inOrderAfterResolution(entries) : entries;
  if (previous !== null && isSameList(ordered, previous.entries)) return { ...previous, source: plan };
  const prepullSet = ordered.filter((entry) => entry.inPrepullSet);
  const listed = ordered.filter((entry) => entry.tag.architecture === null || entry.inPrepullSet);
  return { ...plan.repository, source: plan, entries: ordered, byTag, groups: entriesOf, listed, prepullSet };
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

function isSameEntry(before: CatalogEntry | undefined, member: Member, grouped: Grouped): before is CatalogEntry {
  return (
    before !== undefined &&
    before.parsed === member.tag &&
    before.digest === (member.remote?.digest ?? null) &&
    before.registrySize === (member.remote?.sizeBytes || null) &&
    before.inPrepullSet === member.inPrepullSet &&
    before.aliasTarget === grouped.aliasTarget &&
    before.tag.displayName === grouped.tag.displayName &&
    before.tag.type === grouped.tag.type &&
    before.tag.architecture === grouped.tag.architecture &&
    before.aliases.length === grouped.aliases.length &&
    before.aliases.every((alias, at) => alias === grouped.aliases[at])
  );
}

function isSameList(a: readonly CatalogEntry[], b: readonly CatalogEntry[]): boolean {
  return a.length === b.length && a.every((entry, at) => entry === b[at]);
}

function newEntry({ registry, repository }: Repository, member: Member, grouped: Grouped): CatalogEntry {
  const digest = member.remote?.digest ?? null;
  const reference = `${registry}/${repository}:${member.tag.tag}`;
  return {
    tag: grouped.tag,
    parsed: member.tag,
    digest,
    registrySize: member.remote?.sizeBytes || null,
    aliases: grouped.aliases,
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
  return newEntry(catalog, self, groupTag(self, group, primaryOf(group)?.tag ?? self.tag));
}

/** A tag as parsed, with a digest that the snapshot does not know (section 5, `image_for_reference`). */
export function entryOfOtherDigest(catalog: Catalog, entry: CatalogEntry, digest: string): CatalogEntry {
  const remote = { tag: entry.parsed.tag, digest, sizeBytes: null };
  const member = { tag: entry.parsed, remote, inPrepullSet: false };
  return newEntry(catalog, member, { tag: entry.parsed, aliases: [], aliasTarget: null });
}
