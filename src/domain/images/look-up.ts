import { InvalidReferenceError, UnknownImageError } from "../errors.ts";
import type { ImageSettings } from "../settings.ts";
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

const LATEST: Readonly<Record<Exclude<ImageClass, "RECOMMENDED">, TagType>> = {
  LATEST_RELEASE: "RELEASE",
  LATEST_WEEKLY: "WEEKLY",
  LATEST_DAILY: "DAILY",
};

/** The prepull set's image of the class, pulled yet or not (docs/spec/look-ups.md); null where there is none. */
export function entryOfClass(catalog: Catalog, settings: ImageSettings, imageClass: ImageClass): CatalogEntry | null {
  if (imageClass === "RECOMMENDED") return catalog.byTag.get(settings.recommendedTag) ?? null;
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

/** The tag with the digest that the registry has just told, described as if it had been known. Error: UnknownImageError. */
export function entryResolvedNow(catalog: Catalog, tag: string, found: RemoteTag | null): CatalogEntry {
  const entry = catalog.byTag.get(tag);
  if (entry === undefined || found === null || found.digest === null) {
    throw new UnknownImageError("no image has this tag: it has gone since the registry was listed");
  }
  return entryWithDigest(catalog, entry, found);
}
