import { coversNodes, NO_NODES } from "../nodes/node-set.ts";
import type { NodeTable } from "../nodes/node-table.ts";
import { changedDigests, presenceOf } from "../nodes/presence.ts";
import { isSameList } from "../same-list.ts";
import type { Needs } from "../snapshot/needs.ts";
import type { TagType } from "../tags/tag.ts";
import type { Catalog, CatalogEntry } from "./catalog.ts";
import type { EntryIndex } from "./entry-index.ts";
import type { Image } from "./image.ts";

/** All images of a catalog as they stand with the nodes of a table. Immutable. */
export interface ImageView {
  readonly entries: readonly CatalogEntry[];
  readonly table: NodeTable;
  readonly needs: Needs;
  /** One image an entry, in the same order. The same array as the view's it was made from, where no image differs. */
  readonly images: readonly Image[];
  /** The catalog's. */
  readonly byTag: EntryIndex;
}

/**
 * Puts catalog and nodes together. With a view of the same entries at hand only the images whose digest has come to or
 * gone from a node are made again; an image that is as it was is the same object.
 */
export function viewImages(catalog: Catalog, table: NodeTable, needs: Needs, base: ImageView | null): ImageView {
  if (base === null || base.entries !== catalog.entries) return wholeView(catalog, table, needs, base);
  const { entries, byTag } = base;
  if (base.table === table && base.needs === needs) return base;
  const describe = imageMaker(catalog, table, needs);
  let images: Image[] | null = null;
  const update = (entry: CatalogEntry): void => {
    const at = byTag.positionOf(entry);
    const before = at === undefined ? undefined : base.images[at];
    if (at === undefined || before === undefined) return;
    const after = describe(entry, before);
    if (after === before) return;
    images ??= base.images.slice();
    images[at] = after;
  };
  if (base.needs === needs) {
    changedDigests(base.table.presence, table.presence, (digest) => {
      for (const entry of catalog.groups.get(digest) ?? []) update(entry);
    });
  } else for (const entry of entries) if (entry.digest !== null) update(entry);
  return { entries, table, needs, byTag, images: images ?? base.images };
}

function wholeView(catalog: Catalog, table: NodeTable, needs: Needs, base: ImageView | null): ImageView {
  const { entries, byTag } = catalog;
  const describe = imageMaker(catalog, table, needs);
  const images = entries.map((entry) => {
    const before = base?.byTag.positionOf(entry);
    return describe(entry, before === undefined ? undefined : base?.images[before]);
  });
  return { entries, table, needs, images, byTag };
}

/** Describes one entry with the nodes of this table, outside any view: for look-ups. */
export function describeImage(catalog: Catalog, entry: CatalogEntry, table: NodeTable, needs: Needs): Image {
  return imageMaker(catalog, table, needs)(entry, undefined);
}

/** A function that describes entries, and gives an image back that is as it was. */
function imageMaker(
  catalog: Catalog,
  table: NodeTable,
  needs: Needs,
): (entry: CatalogEntry, before: Image | undefined) => Image {
  return (entry, before) => {
    const presence = entry.digest === null ? null : presenceOf(table.presence, entry.digest);
    const prepulled =
      entry.digest !== null &&
      coversNodes(presence?.nodes ?? NO_NODES, needs.forImage(catalog, entry)) &&
      !needs.fitsNone(catalog, entry);
    const sizeBytes = entry.registrySize ?? (presence?.sizeBytes || null);
    const wantedBy = needs.wantedBy(entry);
    const isSame = before?.prepulled === prepulled && before.sizeBytes === sizeBytes;
    if (isSame && isSameList(before.wantedBy, wantedBy)) return before;
    return new CatalogImage(entry, prepulled, sizeBytes, wantedBy);
  };
}

/**
 * What an image says beside presence is read from its entry whenever it is asked for: a registry may have 200,000 tags, and
 * each text that was put together once would be kept.
 */
class CatalogImage implements Image {
  readonly entry: CatalogEntry;
  readonly prepulled: boolean;
  readonly sizeBytes: number | null;
  readonly wantedBy: readonly string[];

  constructor(entry: CatalogEntry, prepulled: boolean, sizeBytes: number | null, wantedBy: readonly string[]) {
    this.entry = entry;
    this.prepulled = prepulled;
    this.sizeBytes = sizeBytes;
    this.wantedBy = wantedBy;
  }

  get reference(): string {
    return this.entry.prefix + this.entry.tag.tag;
  }

  get pullReference(): string {
    const { digest } = this.entry;
    return digest === null ? this.reference : `${this.reference}@${digest}`;
  }

  get tag(): string {
    return this.entry.tag.tag;
  }

  get source(): string {
    return this.entry.source;
  }

  get tagClass(): string {
    return this.entry.parsed.class;
  }

  get platforms(): CatalogEntry["platforms"] {
    return this.entry.platforms;
  }

  get displayName(): string {
    return this.entry.tag.displayName;
  }

  get type(): TagType {
    return this.entry.tag.type;
  }

  get digest(): string | null {
    return this.entry.digest;
  }

  get aliases(): readonly string[] {
    return this.entry.aliases;
  }

  get aliasCount(): number {
    return this.entry.aliasCount;
  }

  get aliasTarget(): string | null {
    return this.entry.aliasTarget;
  }

  get architecture(): string | null {
    return this.entry.tag.architecture;
  }

  get cycle(): number | null {
    return this.entry.tag.cycle;
  }

  get date(): number | null {
    return this.entry.tag.date;
  }
}
