import { type CooperativeTask, sortCooperatively } from "../cooperative.ts";
import type { SchemeTag, TagScheme } from "../schemes/scheme.ts";
import type { ReadBefore } from "../schemes/tag-reader.ts";
import type { CatalogSource } from "../sets/catalog-source.ts";
import { evaluateRule } from "../sets/evaluate-rule.ts";
import type { SourceEntry, SourceView } from "../sets/source-view.ts";
import type { RemoteTag } from "../tags/remote-tag.ts";
import type { Catalog } from "./catalog.ts";

/** A listing that has been read, sorted and planned; digests may still be missing. */
export interface CatalogPlan {
  readonly source: CatalogSource;
  /** When its rules are evaluated, milliseconds since the epoch. */
  readonly now: number;
  /** In the scheme's order, as read. */
  readonly tags: readonly SchemeTag[];
  /** See `TagReader`. */
  readonly siblings: ReadonlySet<string>;
  /** What the registry has reported of tags besides their names. */
  readonly remote: ReadonlyMap<string, RemoteTag>;
  /** What the rules want, as far as digests are known. */
  readonly prepull: ReadonlySet<string>;
  /** Tags of the prepull set whose digest the registry has not reported. */
  readonly unresolved: readonly string[];
}

/** What is used of an earlier catalog of the source. */
export type ReadCatalog = Pick<Catalog, "source" | "byTag">;

/**
 * Reads a listing, sorts it and evaluates the rules. Tags that the previous catalog has read alike are the same objects.
 * @param now milliseconds since the epoch
 */
export function* planCatalog(
  source: CatalogSource,
  listing: readonly RemoteTag[],
  previous: ReadCatalog | null,
  now: number,
): CooperativeTask<CatalogPlan> {
  const { tags, siblings } = yield* source.reader.read(listing, tagsRead(previous, source));
  const remote = new Map<string, RemoteTag>();
  for (const entry of listing) {
    const isMore = entry.digest !== null || entry.sizeBytes !== null;
    if (isMore && !remote.has(entry.tag)) remote.set(entry.tag, entry);
  }
  yield;
  const sorted = yield* sortTags([...tags.values()], source.reader.scheme);
  return yield* planRules({ source, now, tags: sorted, siblings, remote });
}

/**
 * Plans again with the digests of `resolved`: an unresolved tag that is not among them has vanished and is left out. The
 * rules may want other tags then, whose digests are not known yet.
 */
export function* resolvePlan(
  plan: CatalogPlan,
  resolved: ReadonlyMap<string, RemoteTag>,
): CooperativeTask<CatalogPlan> {
  if (plan.unresolved.length === 0) return plan;
  const gone = new Set(plan.unresolved.filter((tag) => !resolved.has(tag)));
  const tags = gone.size === 0 ? plan.tags : plan.tags.filter(({ tag }) => !gone.has(tag));
  return yield* planRules({ ...plan, tags, remote: new Map([...plan.remote, ...resolved]) });
}

/** What the reader made of the listing before; null where another reader made it. */
function tagsRead(previous: ReadCatalog | null, { reader }: CatalogSource): ReadBefore | null {
  if (previous === null || previous.source.reader !== reader) return null;
  const { byTag } = previous;
  return { tags: { has: (tag) => byTag.has(tag), get: (tag) => byTag.get(tag)?.parsed } };
}

function* planRules(plan: Omit<CatalogPlan, "prepull" | "unresolved">): CooperativeTask<CatalogPlan> {
  const view = viewOf(plan);
  const prepull = new Set<string>();
  for (const { rule, set } of plan.source.rules) {
    const { wanted } = yield* evaluateRule(rule, view, set.order, plan.now);
    for (const { parsed } of wanted) prepull.add(parsed.tag);
  }
  // In the order of the tags: a tag whose digest the registry withholds has been asked for.
  const isUnresolved = ({ tag }: SchemeTag) => prepull.has(tag) && isUnknown(plan.remote.get(tag));
  const unresolved = plan.tags.filter(isUnresolved).map(({ tag }) => tag);
  return { ...plan, prepull, unresolved };
}

function isUnknown(remote: RemoteTag | undefined): boolean {
  return remote === undefined || (remote.digest === null && remote.fault === undefined);
}

function viewOf({
  source: { name, reader, asksForDigests },
  tags,
  remote,
}: Pick<CatalogPlan, "source" | "tags" | "remote">): SourceView<SourceEntry> {
  const entryOf = (tag: SchemeTag): SourceEntry => {
    const { digest = null, platforms = null } = remote.get(tag.tag) ?? {};
    return { parsed: tag, tag, digest, platforms };
  };
  let index: Map<string, SchemeTag> | null = null;
  return {
    name,
    scheme: reader.scheme,
    asksForDigests,
    entries: {
      *[Symbol.iterator]() {
        for (const tag of tags) yield entryOf(tag);
      },
    },
    byTag: {
      get(name) {
        index ??= new Map(tags.map((tag) => [tag.tag, tag]));
        const tag = index.get(name);
        return tag === undefined ? undefined : entryOf(tag);
      },
    },
  };
}

/** Sorted tags, each once. Where order holds inside a class only, each class is sorted by itself. */
function* sortTags(tags: readonly SchemeTag[], scheme: TagScheme): CooperativeTask<readonly SchemeTag[]> {
  const inOrder = (a: SchemeTag, b: SchemeTag): number => scheme.compare(a, b);
  const groups = scheme.needsClass ? [...Map.groupBy(tags, ({ type }) => type).values()] : [tags];
  const runs: (readonly SchemeTag[])[] = [];
  for (const group of groups) runs.push(yield* sortCooperatively(group, inOrder));
  runs.sort(([a], [b]) => (a === undefined || b === undefined ? 0 : inOrder(a, b)));
  return runs.flat();
}
