import type { ImageSettings } from "../settings.ts";
import type { Tag, TagType } from "../tags/tag.ts";

/**
 * The tags of the prepull set (docs/spec/images.md): the first so many releases, weeklies and dailies in display
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

/** A tag that the configuration names and the registry lacks. */
export interface UnresolvedWish {
  /** `images.recommendedTag` or an entry of `images.pin`; a tag that is both is the recommended one. */
  readonly wish: "recommended" | "pin";
  readonly tag: string;
}

/**
 * The wishes of the configuration that name no tag of the catalog (field case F23): the recommended one first, then the
 * pins in the order of the configuration, each tag once. A tag of another cycle counts as lacking, since no answer has it.
 */
export function unresolvedWishes(
  { recommendedTag, pin }: ImageSettings,
  byTag: Pick<ReadonlyMap<string, unknown>, "has">,
): readonly UnresolvedWish[] {
  const pins = [...new Set(pin)].filter((tag) => tag !== recommendedTag);
  const wishes = [
    { wish: "recommended" as const, tag: recommendedTag },
    ...pins.map((tag) => ({ wish: "pin" as const, tag })),
  ];
  return wishes.filter(({ tag }) => !byTag.has(tag));
}
