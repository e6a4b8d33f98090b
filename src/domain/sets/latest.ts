import type { SourceEntry } from "./source-view.ts";

/**
 * `IMAGE_CLASS_LATEST` of a source: the first in its order, wanted or not, that is no prerelease, and without variant
 * unless all have one (docs/spec/sets.md 6.2). Null where nothing has a place in the order.
 */
export function latestOf<Entry extends SourceEntry>(entries: Iterable<Entry>): Entry | null {
  let first: Entry | null = null;
  for (const entry of entries) {
    const { ranked, prerelease, variant } = entry.parsed;
    if (!ranked || prerelease) continue;
    if (variant === null) return entry;
    first ??= entry;
  }
  return first;
}
