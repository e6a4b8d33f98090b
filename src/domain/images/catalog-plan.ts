import { type CooperativeTask, STEP_SIZE, sortCooperatively } from "../cooperative.ts";
import { prepullTags } from "../prepull/plan.ts";
import type { ImageSettings } from "../settings.ts";
import { parseTagFor } from "../tags/alias-parse.ts";
import type { RemoteTag } from "../tags/remote-tag.ts";
import type { Tag } from "../tags/tag.ts";
import { compareTags } from "../tags/tag-order.ts";
import { isRunnableTag, isValidTag } from "../tags/tag-parse.ts";
import type { Repository } from "./repository.ts";

/** A listing that has been read, sorted and planned; digests may still be missing. */
export interface CatalogPlan {
  readonly repository: Repository;
  /** In display order as parsed. */
  readonly tags: readonly Tag[];
  /** What the listing reported of tags besides their names. */
  readonly remote: ReadonlyMap<string, RemoteTag>;
  readonly prepull: ReadonlySet<string>;
  /** Tags of the prepull set whose digest the listing did not report. */
  readonly unresolved: readonly string[];
}

/** The tags of an earlier catalog, as parsed. */
export interface ParsedTags {
  readonly byTag: { get(tag: string): { readonly parsed: Tag } | undefined };
}

/**
 * Reads a listing: drops what is no runnable image or not of the cycle, parses, sorts, chooses the prepull set. Tags that
 * the previous catalog has are not parsed again.
 */
export function* planCatalog(
  settings: ImageSettings,
  repository: Repository,
  listing: readonly RemoteTag[],
  previous: ParsedTags | null,
): CooperativeTask<CatalogPlan> {
  const aliasTags = new Set([settings.recommendedTag, ...settings.aliasTags]);
  const remote = new Map<string, RemoteTag>();
  const byType = new Map<Tag["type"], Tag[]>();
  for (let from = 0; from < listing.length; from += STEP_SIZE) {
    for (const entry of listing.slice(from, from + STEP_SIZE)) {
      if (!isValidTag(entry.tag) || !isRunnableTag(entry.tag)) continue;
      const tag = previous?.byTag.get(entry.tag)?.parsed ?? parseTagFor(entry.tag, aliasTags);
      if (settings.cycle !== null && tag.cycle !== settings.cycle) continue;
      const isMore = entry.digest !== null || entry.sizeBytes !== null;
      if (isMore && !remote.has(tag.tag)) remote.set(tag.tag, entry);
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

/** Tags of one type stand together in display order, and equal ones, which no listing should have, beside each other. */
function* sortByType(byType: ReadonlyMap<Tag["type"], readonly Tag[]>): CooperativeTask<readonly Tag[]> {
  const runs: (readonly Tag[])[] = [];
  for (const tags of byType.values()) runs.push(yield* sortCooperatively(tags, compareTags));
  runs.sort(([a], [b]) => (a === undefined || b === undefined ? 0 : compareTags(a, b)));
  return runs.flat().filter((tag, at, tags) => tag.tag !== tags[at - 1]?.tag);
}
