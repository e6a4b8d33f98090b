import type { ImageSettings } from "../settings.ts";
import type { Tag, TagType } from "../tags/tag.ts";

/**
 * The tags of the prepull set (behaviour.md section 3): the first so many releases, weeklies and dailies in display
 * order, where architecture-specific tags do not count, the recommended tag and the pins, where they exist.
 */
export function prepullTags(settings: ImageSettings, tags: readonly Tag[]): ReadonlySet<string> {
  const wanted = new Set([settings.recommendedTag, ...settings.pin]);
  const left: Partial<Record<TagType, number>> = {
    RELEASE: settings.numReleases,
    WEEKLY: settings.numWeeklies,
    DAILY: settings.numDailies,
  };
  const chosen = new Set<string>();
  for (const { tag, type, architecture } of tags) {
    const number = left[type] ?? 0;
    if (number > 0 && architecture === null) {
      left[type] = number - 1;
      chosen.add(tag);
    } else if (wanted.has(tag)) chosen.add(tag);
  }
  return chosen;
}
