import type { Catalog, CatalogEntry } from "../images/catalog.ts";
import { primaryOf } from "../images/group.ts";
import { ruleWords } from "./rule-words.ts";
import type { AppliedRule, WantedImage } from "./set-images.ts";

/**
 * What `images:` alone stands for keeps to the order and the words of docs/spec/images.md and look-ups.md: a set of
 * `display` order has one source, is in display order but for its first image, and names the primary of each digest.
 */
export interface DisplayOrder {
  /** One image for each digest, the recommended one first: what each node is to pull, and in which order. */
  readonly images: readonly WantedImage<CatalogEntry>[];
  /** The wanted tags without aliases whose target is one of them, in display order: what the status shows. */
  readonly shown: readonly CatalogEntry[];
  /** The recommended tag, then the other tags without those that an alias of the set stands for. */
  readonly menu: readonly CatalogEntry[];
}

/** Puts what the rules of a set of `display` order want in order. */
export function inDisplayOrder(rules: readonly AppliedRule<CatalogEntry>[], catalog: Catalog): DisplayOrder {
  const wanted = new Set(rules.flatMap((rule) => rule.wanted));
  const placeOf = (entry: CatalogEntry): number => catalog.byTag.positionOf(entry) ?? Number.POSITIVE_INFINITY;
  const tags = [...wanted].sort((a, b) => placeOf(a) - placeOf(b));
  const recommended = recommendedOf(rules);
  const primaries = primariesOf(tags, wanted, catalog);
  const isFirst = ({ digest }: CatalogEntry) => digest !== null && digest === recommended?.digest;
  const ordered = [...primaries.filter(isFirst), ...primaries.filter((entry) => !isFirst(entry))];
  return {
    images: ordered.map((entry) => ({ entry, source: catalog.source.name, reason: reasonFor(entry, rules) })),
    shown: tags.filter(({ aliasTarget }) => !isWantedTag(aliasTarget, catalog, wanted)),
    menu: menuOf(tags, recommended),
  };
}

/** What the first rule of the set names, where it is an alias. */
export function recommendedOf(rules: readonly AppliedRule<CatalogEntry>[]): CatalogEntry | undefined {
  return rules[0]?.rule.kind === "alias" ? rules[0].wanted[0] : undefined;
}

/** For each digest the set's first tag by the rule for the primary, in display order. */
function primariesOf(
  tags: readonly CatalogEntry[],
  wanted: ReadonlySet<CatalogEntry>,
  catalog: Catalog,
): readonly CatalogEntry[] {
  const digests = new Set(tags.map(({ digest }) => digest));
  const primaries = new Set<CatalogEntry>();
  for (const digest of digests) {
    if (digest === null) continue;
    const group = (catalog.groups.get(digest) ?? []).filter((entry) => wanted.has(entry));
    const first = primaryOf(group.map((entry) => ({ entry, tag: entry.parsed, inPrepullSet: true })));
    if (first !== undefined) primaries.add(first.entry);
  }
  return tags.filter((entry) => primaries.has(entry) || entry.digest === null);
}

function isWantedTag(tag: string | null, catalog: Catalog, wanted: ReadonlySet<CatalogEntry>): boolean {
  const entry = tag === null ? undefined : catalog.byTag.get(tag);
  return entry !== undefined && wanted.has(entry);
}

function reasonFor({ digest, tag }: CatalogEntry, rules: readonly AppliedRule<CatalogEntry>[]): string {
  const isIt = (entry: CatalogEntry) => (digest === null ? entry.tag === tag : entry.digest === digest);
  const first = rules.find(({ wanted }) => wanted.some(isIt));
  return first === undefined ? "" : ruleWords(first.rule);
}

function menuOf(tags: readonly CatalogEntry[], recommended: CatalogEntry | undefined): readonly CatalogEntry[] {
  const targets = new Set(tags.map(({ aliasTarget }) => aliasTarget));
  const others = tags.filter((entry) => entry !== recommended && !targets.has(entry.tag.tag));
  return recommended === undefined ? others : [recommended, ...others];
}
