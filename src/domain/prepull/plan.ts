import type { ImageSettings } from "../settings.ts";

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
