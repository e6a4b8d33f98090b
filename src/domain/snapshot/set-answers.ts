import type { Catalog, CatalogEntry } from "../images/catalog.ts";
import type { Image } from "../images/image.ts";
import { bothNodes, countNodes, eitherNodes, NO_NODES, type NodeSet, withoutNodes } from "../nodes/node-set.ts";
import { type NodeTable, nodesToHave, platformsIn } from "../nodes/node-table.ts";
import { presenceOf } from "../nodes/presence.ts";
import { isSameList } from "../same-list.ts";
import { runnableOf } from "../sets/platform.ts";
import { fitsNone, isOnMenu, isPrepulled } from "../sets/set-menu.ts";
import { catalogOf, type Wanted } from "../sets/wanted.ts";
import type { DropdownPolicy, MenuConfig } from "../settings.ts";
import { filterByPolicy } from "../tags/tag-filter.ts";
import type { Menu, MenuImage } from "./answers.ts";
import type { Needs } from "./needs.ts";
import type { PlannedImage, PlannedPull } from "./node-answers.ts";

/** How images of catalogs are described in one snapshot. */
export type ImageOf = (catalog: Catalog, entry: CatalogEntry) => Image;

/** What answers about sets follow from. */
export interface SetParts {
  readonly wanted: Wanted;
  readonly needs: Needs;
  readonly catalogs: readonly Catalog[];
  readonly table: NodeTable;
  readonly imageOf: ImageOf;
}

/**
 * What is to be pulled, and where (docs/spec/sets.md 4.2): sets in order, images in order, one for each digest on a node. An
 * image that several sets want is there once for each of them that adds nodes.
 */
export function plannedPulls({ wanted, catalogs, table, imageOf }: SetParts): readonly PlannedPull[] {
  const taken = new Map<string, NodeSet>();
  return wanted.sets.flatMap(({ images }, set) =>
    images.flatMap(({ entry, source }) => {
      const catalog = catalogOf(catalogs, source);
      const { digest } = entry;
      if (catalog === undefined || digest === null) return [];
      const all = nodesToHave(table, set, runnableOf(entry));
      const before = taken.get(digest);
      taken.set(digest, before === undefined ? all : eitherNodes(before, all));
      const needed = before === undefined ? all : withoutNodes(all, before);
      return [{ image: imageOf(catalog, entry), presence: presenceOf(table.presence, digest), needed, set }];
    }),
  );
}

/** The images that some set wants, as the status shows them: each with all nodes that it belongs on. */
export function plannedImages(parts: SetParts): readonly PlannedImage[] {
  const { wanted, catalogs, table, imageOf } = parts;
  const planned = new Map<Image, PlannedImage>();
  for (const [at, { shown }] of wanted.sets.entries()) {
    for (const { entry, source } of shown) {
      const catalog = catalogOf(catalogs, source);
      if (catalog === undefined) continue;
      const image = imageOf(catalog, entry);
      const needed = nodesToHave(table, at, runnableOf(entry));
      const before = planned.get(image);
      const presence = entry.digest === null ? null : presenceOf(table.presence, entry.digest);
      const all = before === undefined ? needed : eitherNodes(before.needed, needed);
      planned.set(image, { image, presence, needed: all });
    }
  }
  return [...planned.values()];
}

/** A menu with what it follows from. */
export interface MenuMemo {
  readonly items: readonly MenuImage[];
  readonly onMenu: readonly MenuImage[];
  readonly listed: readonly Image[] | null;
  readonly madeAt: number;
  /** The dropdown may differ from this moment on (milliseconds since the epoch); null: never. */
  readonly changesAt: number | null;
  readonly made: Menu;
}

/** The configuration of menus. */
export interface MenuSettings {
  readonly menu: MenuConfig;
  readonly dropdown: DropdownPolicy;
}

/**
 * The menu of the set at this place (docs/spec/sets.md 5; docs/spec/look-ups.md), or the earlier one where it still holds. The
 * dropdown of a set of display order is all that `listedOf` has of its source and the dropdown filter admits.
 */
export function menuOfSet(
  parts: SetParts,
  at: number,
  settings: MenuSettings,
  listedOf: (catalog: Catalog) => readonly Image[],
  now: number,
  earlier: MenuMemo | null,
): MenuMemo {
  const set = parts.wanted.sets[at];
  const items: MenuImage[] = [];
  const onMenu: MenuImage[] = [];
  for (const { entry, source } of set?.menu ?? []) {
    const catalog = catalogOf(parts.catalogs, source);
    if (catalog === undefined) continue;
    const counts = measure(parts, at, entry);
    const { ready, total } = counts;
    const prepulled = isPrepulled(counts, entry.digest);
    const item = { image: parts.imageOf(catalog, entry), source, counts: { ready, total, prepulled } };
    const before = earlier?.items[items.length];
    const kept = before !== undefined && isSameItem(before, item) ? before : item;
    items.push(kept);
    if (isOnMenu(counts, entry.digest, entry === set?.first, settings.menu)) onMenu.push(kept);
  }
  const display = set?.set.order === "display" ? catalogOf(parts.catalogs, set.set.rules[0]?.source ?? "") : undefined;
  const listed = display === undefined ? null : listedOf(display);
  const isSame =
    earlier !== null &&
    earlier.listed === listed &&
    isSameList(earlier.items, items) &&
    isSameList(earlier.onMenu, onMenu) &&
    now >= earlier.madeAt &&
    (earlier.changesAt === null || now < earlier.changesAt);
  if (isSame) return earlier;
  const common = { items, onMenu, listed, madeAt: now };
  if (display === undefined) return { ...common, changesAt: null, made: { menu: onMenu, dropdown: items } };
  const filtered = filterByPolicy(display.listed, ({ tag }) => tag, settings.dropdown, now);
  const wanted = new Map(items.map((item) => [item.image, item]));
  const dropdown = filtered.keep.map((entry) => {
    const image = parts.imageOf(display, entry);
    return wanted.get(image) ?? unwantedItem(image, display.source.name);
  });
  // An image that is not in the dropdown may have changed alone.
  const isSameMenu =
    earlier !== null && isSameList(earlier.made.menu, onMenu) && isSameList(earlier.made.dropdown, dropdown);
  return { ...common, changesAt: filtered.changesAt, made: isSameMenu ? earlier.made : { menu: onMenu, dropdown } };
}

const unwanted = new WeakMap<Image, MenuImage>();

/** The entry of an image that its set does not want: one for each image, since there may be 20,000. */
function unwantedItem(image: Image, source: string): MenuImage {
  const known = unwanted.get(image);
  if (known !== undefined) return known;
  const item = { image, source, counts: null };
  unwanted.set(image, item);
  return item;
}

/** On how many of the set's nodes an image is. */
export function measure({ needs, table }: SetParts, set: number, entry: CatalogEntry) {
  const runnable = runnableOf(entry);
  const needed = bothNodes(nodesToHave(table, set, runnable), needs.counted);
  const present = entry.digest === null ? NO_NODES : (presenceOf(table.presence, entry.digest)?.nodes ?? NO_NODES);
  return {
    total: countNodes(needed),
    ready: countNodes(bothNodes(needed, present)),
    fitsNone: fitsNone(platformsIn(table, set), runnable),
  };
}

function isSameItem(a: MenuImage, b: MenuImage): boolean {
  return (
    a.image === b.image &&
    a.counts?.ready === b.counts?.ready &&
    a.counts?.total === b.counts?.total &&
    a.counts?.prepulled === b.counts?.prepulled
  );
}
