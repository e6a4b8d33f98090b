import type { DropdownPolicy, ImageSettings } from "../settings.ts";
import type { ImageList, Menu } from "../snapshot/answers.ts";
import { filterByPolicy } from "../tags/tag-filter.ts";
import type { Catalog, CatalogEntry } from "./catalog.ts";
import type { Image } from "./image.ts";

/** A menu with what it rests on: the list of images, and a time within which no tag's age passes its limit. */
export interface MenuMemo {
  readonly list: ImageList;
  readonly madeAt: number;
  /** The menu may differ from this moment on (milliseconds since the epoch); null: never. */
  readonly changesAt: number | null;
  readonly made: Menu;
}

interface MenuParts {
  readonly settings: ImageSettings;
  readonly dropdown: DropdownPolicy;
  readonly catalog: Catalog;
}

/** The spawner's menu at `now` (docs/spec/look-ups.md), or the earlier one where it still holds. */
export function makeMenu(
  { settings, dropdown, catalog }: MenuParts,
  list: ImageList,
  imageOf: (entry: CatalogEntry) => Image,
  now: number,
  earlier: MenuMemo | null,
): MenuMemo {
  if (earlier?.list === list && now >= earlier.madeAt && (earlier.changesAt === null || now < earlier.changesAt)) {
    return earlier;
  }
  const filtered = filterByPolicy(catalog.listed, ({ tag }) => tag, dropdown, now);
  const menu = menuEntries(settings, catalog).map(imageOf);
  const shown = menu.filter((image) => image.prepulled || image.tag === settings.recommendedTag);
  const made = { menu: shown, dropdown: filtered.keep.map(imageOf) };
  return { list, madeAt: now, changesAt: filtered.changesAt, made };
}

/** The recommended image, then the rest of the prepull set without those that an alias of the set stands for. */
function menuEntries(settings: ImageSettings, catalog: Catalog): readonly CatalogEntry[] {
  const recommended = catalog.byTag.get(settings.recommendedTag);
  const targets = new Set(catalog.prepullSet.map(({ aliasTarget }) => aliasTarget));
  const others = catalog.prepullSet.filter((entry) => entry !== recommended && !targets.has(entry.tag.tag));
  return recommended === undefined ? others : [recommended, ...others];
}
