import { type CooperativeTask, mergeCooperatively, STEP_SIZE, sortCooperatively } from "../cooperative.ts";
import { isSameList } from "../same-list.ts";
import type { SchemeTag, TagScheme } from "../schemes/scheme.ts";
import type { CatalogSource } from "../sets/catalog-source.ts";
import { evaluateRule, type RuleOutcome } from "../sets/evaluate-rule.ts";
import { formatPlatform } from "../sets/platform.ts";
import type { SourceView } from "../sets/source-view.ts";
import type { RemoteTag } from "../tags/remote-tag.ts";
import type { Catalog, CatalogEntry } from "./catalog.ts";
import { asMember, correctGroups } from "./catalog-groups.ts";
import { type CatalogPlan, resolvePlan } from "./catalog-plan.ts";
import { EntryIndex } from "./entry-index.ts";
import { alone, createGrouping, type Grouped } from "./group.ts";
import type { Repository } from "./repository.ts";

/**
 * Completes a plan with the digests that were asked for: a tag of `plan.unresolved` that is not among them has vanished
 * and is left out, as `resolvePlan` has it. Entries that are as they were are taken from the previous catalog; where all are, it is given back.
 */
export function* completeCatalog(
  planned: CatalogPlan,
  digests: ReadonlyMap<string, RemoteTag>,
  previous: Catalog | null,
): CooperativeTask<Catalog> {
  const plan = yield* resolvePlan(planned, digests);
  const prefix = referencePrefix(plan.source);
  const entries: CatalogEntry[] = [];
  const groups = new Map<string, CatalogEntry[]>();
  for (let from = 0; from < plan.tags.length; from += STEP_SIZE) {
    for (const tag of plan.tags.slice(from, from + STEP_SIZE)) {
      const remote = plan.remote.get(tag.tag);
      const member = { tag, remote, inPrepullSet: plan.prepull.has(tag.tag) };
      const before = previous?.byTag.get(tag.tag);
      const entry = isOfMember(before, member) ? before : newEntry(plan.source, prefix, member, alone(tag));
      entries.push(entry);
      if (entry.digest !== null) append(groups, entry.digest, entry);
    }
    yield;
  }
  const withheld = [...plan.remote.values()].flatMap(({ tag, fault }) =>
    fault === undefined ? [] : [`${tag} (${fault})`],
  );
  return yield* assembleCatalog({ plan, withheld }, entries, groups, previous);
}

interface Member {
  readonly tag: SchemeTag;
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
  const { source, siblings, now } = plan;
  const ordered = yield* inOrderAfterResolution(right, source.reader.scheme);
  if (previous !== null && isSameList(ordered, previous.entries)) {
    const outcomes = yield* outcomesOf(previous, now, previous);
    return { ...previous, source, siblings, withheld, outcomes };
  }
  const positions = new Map<string, number>();
  for (let from = 0; from < ordered.length; from += STEP_SIZE) {
    for (const entry of ordered.slice(from, from + STEP_SIZE)) positions.set(entry.tag.tag, positions.size);
    yield;
  }
  const prepullSet = ordered.filter((entry) => entry.inPrepullSet);
  const listed = ordered.filter((entry) => entry.tag.architecture === null || entry.inPrepullSet);
  const byTag = new EntryIndex(ordered, positions);
  const { registry, repository } = source;
  const parts = {
    source,
    siblings,
    registry,
    repository,
    entries: ordered,
    byTag,
    groups,
    listed,
    prepullSet,
    withheld,
  };
  return { ...parts, outcomes: yield* outcomesOf(parts, now, previous) };
}

/** A catalog as the rules look at it. */
export function viewOf({
  source,
  entries,
  byTag,
}: Pick<Catalog, "source" | "entries" | "byTag">): SourceView<CatalogEntry> {
  const { name, reader, asksForDigests } = source;
  return { name, scheme: reader.scheme, asksForDigests, entries, byTag };
}

function* outcomesOf(
  parts: Pick<Catalog, "source" | "entries" | "byTag">,
  now: number,
  previous: Catalog | null,
): CooperativeTask<readonly RuleOutcome<CatalogEntry>[]> {
  const outcomes: RuleOutcome<CatalogEntry>[] = [];
  for (const [at, { rule, set }] of parts.source.rules.entries()) {
    const outcome = yield* evaluateRule(rule, viewOf(parts), set.order, now);
    const before = previous?.outcomes[at];
    outcomes.push(before !== undefined && isSameOutcome(before, outcome) ? before : outcome);
  }
  return previous !== null && isSameList(outcomes, previous.outcomes) ? previous.outcomes : outcomes;
}

function isSameOutcome(a: RuleOutcome<CatalogEntry>, b: RuleOutcome<CatalogEntry>): boolean {
  return (
    a.changesAt === b.changesAt &&
    a.shortfall === b.shortfall &&
    isSameList(a.missing, b.missing) &&
    isSameList(a.wanted, b.wanted)
  );
}

/** Only resolved aliases stand elsewhere than their tags as parsed, so they alone are sorted, and merged into the rest. */
function* inOrderAfterResolution(
  entries: readonly CatalogEntry[],
  scheme: TagScheme,
): CooperativeTask<readonly CatalogEntry[]> {
  const stayed = entries.filter((entry) => entry.tag === entry.parsed);
  const moved = entries.filter((entry) => entry.tag !== entry.parsed);
  yield;
  const inOrder = (a: CatalogEntry, b: CatalogEntry): number => scheme.compare(a.tag, b.tag);
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
    isSamePlatforms(before.platforms, remote?.platforms ?? null) &&
    before.inPrepullSet === inPrepullSet
  );
}

function isSamePlatforms(a: CatalogEntry["platforms"], b: CatalogEntry["platforms"]): boolean {
  if (a === b || a === null || b === null) return a === b;
  return isSameList(a.map(formatPlatform), b.map(formatPlatform));
}

/** What stands before the tag in every reference, put together once for a catalog. */
function referencePrefix({ registry, repository }: Repository): string {
  return `${registry}/${repository}:`;
}

function newEntry({ name }: CatalogSource, prefix: string, member: Member, grouped: Grouped): CatalogEntry {
  return {
    tag: grouped.tag,
    parsed: member.tag,
    digest: member.remote?.digest ?? null,
    registrySize: member.remote?.sizeBytes || null,
    platforms: member.remote?.platforms ?? null,
    aliases: grouped.aliases,
    aliasCount: grouped.aliasCount,
    aliasTarget: grouped.aliasTarget,
    inPrepullSet: member.inPrepullSet,
    source: name,
    prefix,
  };
}

/** An entry as if its digest had been known all along: for a look-up outside the prepull set (section 5). */
export function entryWithDigest(catalog: Catalog, entry: CatalogEntry, found: RemoteTag): CatalogEntry {
  const others = found.digest === null ? [] : (catalog.groups.get(found.digest) ?? []);
  const self: Member = { tag: entry.parsed, remote: found, inPrepullSet: entry.inPrepullSet };
  const group = [...others.filter((other) => other.parsed.tag !== entry.parsed.tag).map(asMember), self];
  const describe = createGrouping(group.sort((a, b) => catalog.source.reader.scheme.compare(a.tag, b.tag)));
  return newEntry(catalog.source, referencePrefix(catalog), self, describe(self));
}

/** A tag as parsed, with a digest that the snapshot does not know (section 5, `image_for_reference`). */
export function entryOfOtherDigest(catalog: Catalog, entry: CatalogEntry, digest: string): CatalogEntry {
  const remote = { tag: entry.parsed.tag, digest, sizeBytes: null };
  const member = { tag: entry.parsed, remote, inPrepullSet: false };
  return newEntry(catalog.source, referencePrefix(catalog), member, alone(entry.parsed));
}
