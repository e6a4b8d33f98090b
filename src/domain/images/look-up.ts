import { InvalidReferenceError, UnknownImageError } from "../errors.ts";
import { latestOf } from "../sets/latest.ts";
import type { Wanted } from "../sets/wanted.ts";
import type { RemoteTag } from "../tags/remote-tag.ts";
import type { TagType } from "../tags/tag.ts";
import type { Catalog, CatalogEntry } from "./catalog.ts";
import { entryOfOtherDigest, entryWithDigest } from "./complete-catalog.ts";
import { primaryOf } from "./group.ts";
import type { ImageClass } from "./image.ts";
import { parseReference } from "./reference.ts";
import { isInRepository } from "./repository.ts";

/** What a look-up finds in the catalog: an image, or a tag whose digest has to be asked for at the registry first. */
export type Found =
  | { readonly kind: "entry"; readonly entry: CatalogEntry }
  | { readonly kind: "needs-digest"; readonly tag: string };

const LATEST: Readonly<Record<Exclude<ImageClass, "RECOMMENDED" | "LATEST">, TagType>> = {
  LATEST_RELEASE: "RELEASE",
  LATEST_WEEKLY: "WEEKLY",
  LATEST_DAILY: "DAILY",
};

/**
 * The source's image of the class, pulled yet or not; null where there is none. RECOMMENDED is the first that any set wants
 * (docs/spec/sets.md 6.2), LATEST the first in the source's order; of the others what sets want is looked at alone
 * (docs/spec/look-ups.md).
 */
export function entryOfClass(catalog: Catalog, wanted: Wanted, imageClass: ImageClass): CatalogEntry | null {
  if (imageClass === "LATEST") return latestOf(catalog.entries);
  if (imageClass === "RECOMMENDED") {
    const firsts = wanted.sets.flatMap(({ set, first, images }) =>
      set.order === "display" ? [first] : images.map(({ entry }) => entry),
    );
    return firsts.find((entry) => entry?.source === catalog.source.name) ?? null;
  }
  const type = LATEST[imageClass];
  return catalog.prepullSet.find(({ tag }) => tag.type === type && tag.architecture === null) ?? null;
}

/** `image_for_tag_name`. Error: UnknownImageError. */
export function findTag(catalog: Catalog, tag: string): Found {
  const entry = catalog.byTag.get(tag);
  if (entry === undefined) throw new UnknownImageError("no image has this tag");
  return entry.digest === null ? { kind: "needs-digest", tag } : { kind: "entry", entry };
}

/** `image_for_reference`. Errors: InvalidReferenceError, UnknownImageError. */
export function findReference(catalog: Catalog, text: string): Found {
  const reference = parseReference(text);
  const { tag, digest } = reference;
  if (!isInRepository(catalog, reference)) {
    throw new UnknownImageError("the reference names another registry or repository than the configured one");
  }
  if (digest === null && tag === null) {
    throw new InvalidReferenceError("the reference names neither a tag nor a digest: one of them is needed");
  }
  if (digest === null) return findTag(catalog, tag ?? "");
  const primary = primaryEntry(catalog, digest);
  if (primary !== null) return { kind: "entry", entry: primary };
  const named = tag === null ? undefined : catalog.byTag.get(tag);
  if (named === undefined) throw new UnknownImageError("no image has this digest, nor this tag");
  return { kind: "entry", entry: entryOfOtherDigest(catalog, named, digest) };
}

function primaryEntry(catalog: Catalog, digest: string): CatalogEntry | null {
  const group = catalog.groups.get(digest) ?? [];
  const members = group.map((entry) => ({ entry, tag: entry.parsed, inPrepullSet: entry.inPrepullSet }));
  return primaryOf(members)?.entry ?? null;
}

/** The tag with the digest that the registry has just returned, described as if it had been known. Error: UnknownImageError. */
export function entryResolvedNow(catalog: Catalog, tag: string, found: RemoteTag | null): CatalogEntry {
  const entry = catalog.byTag.get(tag);
  if (entry === undefined || found === null || found.digest === null) {
    throw new UnknownImageError("no image has this tag: it has gone since the registry was listed");
  }
  return entryWithDigest(catalog, entry, found);
}
