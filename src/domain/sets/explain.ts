import type { Catalog, CatalogEntry } from "../images/catalog.ts";
import { viewOf } from "../images/complete-catalog.ts";
import { isRunnableTag, isValidTag } from "../tags/tag-parse.ts";
import { createVersionCounter } from "./count-versions.ts";
import { countedAs, hasEnded } from "./evaluate-rule.ts";
import type { Membership } from "./membership.ts";
import { createRuleMatcher, type Mismatch } from "./rule-match.ts";
import type { AppliedRule } from "./set-images.ts";
import type { WantedSet } from "./wanted.ts";

/** Whether a rule wants a tag, and if not, what the tag misses and by how much. */
export type RuleVerdict =
  /** `wanted-by-digest`: another tag of its digest is wanted. `other-tag`: the rule names other tags. */
  | { readonly result: "wanted" | "wanted-by-digest" | "other-tag" }
  /** The rule wants nothing any longer, for this time in ms. */
  | { readonly result: "ended"; readonly byMs: number }
  | Mismatch
  /** Newer versions are wanted; the tag is this number of places too far down. */
  | { readonly result: "rank"; readonly by: number };

/** One rule on the source of a tag, with its verdict. */
export interface ExplainedRule {
  readonly applied: AppliedRule<CatalogEntry>;
  readonly verdict: RuleVerdict;
}

/** What is known of a tag. */
export type Explanation =
  | { readonly known: "no" | "ignored" }
  | {
      readonly known: "yes";
      readonly entry: CatalogEntry;
      /** In the order of the sets and of their rules. */
      readonly rules: readonly ExplainedRule[];
    };

/** How an image stands with one node. */
export type NodeVerdict =
  | { readonly state: "ready" | "missing" | "cannot run it" | "not wanted" }
  | { readonly state: "excluded"; readonly comment: string };

/** Explains a tag of the catalog (docs/spec/sets.md 6.4). */
export function explainTag(catalog: Catalog, sets: readonly WantedSet[], tag: string, now: number): Explanation {
  const entry = catalog.byTag.get(tag);
  return entry === undefined ? { known: knownAs(catalog, tag) } : explainEntry(catalog, sets, entry, now);
}

/** Explains an image of the catalog. */
export function explainEntry(
  catalog: Catalog,
  sets: readonly WantedSet[],
  entry: CatalogEntry,
  now: number,
): Explanation {
  const applied = sets.flatMap(({ rules }) => rules.filter(({ rule }) => rule.source === catalog.source.name));
  const rules = applied.map((one) => ({ applied: one, verdict: verdictOf(catalog, one, entry, now) }));
  return { known: "yes", entry, rules };
}

function knownAs({ source: { reader } }: Catalog, tag: string): "no" | "ignored" {
  return isValidTag(tag) && isRunnableTag(tag) && reader.isLeftOut(tag) ? "ignored" : "no";
}

function verdictOf(
  catalog: Catalog,
  { rule, set, wanted }: AppliedRule<CatalogEntry>,
  entry: CatalogEntry,
  now: number,
): RuleVerdict {
  const tag = entry.parsed.tag;
  if (wanted.some(({ parsed }) => parsed.tag === tag)) return { result: "wanted" };
  if (entry.digest !== null && wanted.some(({ digest }) => digest === entry.digest))
    return { result: "wanted-by-digest" };
  const named = rule.kind === "alias" ? [rule.alias] : rule.kind === "pin" ? rule.pin : null;
  if (named !== null && !named.includes(tag)) return { result: "other-tag" };
  if (hasEnded(rule, now)) return { result: "ended", byMs: now - (rule.until?.ms ?? now) };
  if (rule.kind !== "newest") return { result: "other-tag" };
  const matcher = createRuleMatcher(rule);
  const mismatch = matcher.mismatch(entry.parsed, now);
  if (mismatch !== null) return mismatch;
  const view = viewOf(catalog);
  const counter = createVersionCounter<CatalogEntry>(rule, countedAs(set.order, view), { versions: null, tags: null });
  for (const each of view.entries) {
    if (matcher.mismatch(each.parsed, now) !== null) continue;
    const counted = counter.count(each);
    if (each.parsed.tag === tag) return { result: "rank", by: Math.max(1, (counted?.place ?? 0) - rule.newest) };
  }
  return { result: "rank", by: 1 };
}

/**
 * How an image stands with a node.
 * @param memberships where the node stands with each set
 */
export function nodeVerdict(
  entry: Pick<CatalogEntry, "digest">,
  sets: readonly WantedSet[],
  memberships: readonly Membership[],
  node: { has(digest: string): boolean; canRun: boolean },
): NodeVerdict {
  const own = memberships.filter((_, at) => sets[at] !== undefined && isWantedBy(sets[at], entry));
  const selecting = own.filter(({ kind }) => kind !== "not-selected");
  const [first] = selecting;
  if (first === undefined || entry.digest === null) return { state: "not wanted" };
  if (selecting.some(({ kind }) => kind === "member")) {
    if (node.has(entry.digest)) return { state: "ready" };
    return { state: node.canRun ? "missing" : "cannot run it" };
  }
  return first.kind === "excluded" ? { state: "excluded", comment: first.comment } : { state: "not wanted" };
}

/** Whether the set wants the image's digest, of whatever source. */
export function isWantedBy({ images }: WantedSet, { digest }: Pick<CatalogEntry, "digest">): boolean {
  return digest !== null && images.some(({ entry }) => entry.digest === digest);
}
