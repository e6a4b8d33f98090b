import type { Platform } from "../sets/platform.ts";
import type { TagType } from "../tags/tag.ts";

/** The classes of images that can be asked for instead of a tag. */
export const IMAGE_CLASSES = ["RECOMMENDED", "LATEST_RELEASE", "LATEST_WEEKLY", "LATEST_DAILY", "LATEST"] as const;

/** See IMAGE_CLASSES. */
export type ImageClass = (typeof IMAGE_CLASSES)[number];

/**
 * One image as every answer describes it (docs/spec/images.md): a tag with what its digest's group and the nodes add
 * to it. Immutable.
 */
export interface Image {
  /** `registry/repository:tag`. */
  readonly reference: string;
  /** `registry/repository:tag@digest`, or `reference` where no digest is known. */
  readonly pullReference: string;
  readonly tag: string;
  /** Name of its source. */
  readonly source: string;
  /** What the source's scheme makes of the tag: `alias`, `other`, or a class of the scheme. */
  readonly tagClass: string;
  /** See `CatalogEntry`. */
  readonly platforms: readonly Platform[] | null;
  readonly displayName: string;
  readonly type: TagType;
  readonly digest: string | null;
  /** The first of all other tags of the digest's group but the alias target, by code point: MAX_ALIASES at most. */
  readonly aliases: readonly string[];
  /** The number of all of them. */
  readonly aliasCount: number;
  /** The tag that this alias stands for, or null. */
  readonly aliasTarget: string | null;
  readonly architecture: string | null;
  readonly cycle: number | null;
  /** The tag's date (an alias has its target's), milliseconds since the epoch. */
  readonly date: number | null;
  /** Bytes: the registry's word where it gives one, else the largest that a node reports; null where neither does. */
  readonly sizeBytes: number | null;
  /** Every rule that wants it, by this tag or another of its digest, in words after the name of its set. */
  readonly wantedBy: readonly string[];
  /** Whether the digest is known and on every node that the image belongs on. */
  readonly prepulled: boolean;
}
