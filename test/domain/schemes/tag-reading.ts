import { compilePattern } from "../../../src/config/tag-pattern.ts";
import { runToCompletion } from "../../../src/domain/cooperative.ts";
import type { SchemeTag, TagScheme } from "../../../src/domain/schemes/scheme.ts";
import { createTagReader, type SourceTags } from "../../../src/domain/schemes/tag-reader.ts";
import type { RemoteTag } from "../../../src/domain/tags/remote-tag.ts";

export interface ReadingOptions {
  readonly ignore?: readonly string[];
  readonly aliases?: readonly string[];
  readonly aliasTags?: readonly string[];
}

/** A reader of a source with this scheme. */
export function readerOf(scheme: TagScheme, { ignore = [], aliases = [], aliasTags = [] }: ReadingOptions = {}) {
  return createTagReader({
    scheme,
    ignore: ignore.map(compilePattern),
    aliases: aliases.map(compilePattern),
    aliasTags: new Set(aliasTags),
  });
}

/** A tag as a registry lists it. */
export function listed(tag: string, pushedAt?: number): RemoteTag {
  return { tag, digest: null, sizeBytes: null, ...(pushedAt === undefined ? {} : { pushedAt }) };
}

/** What is made of a listing. */
export function readListing(
  scheme: TagScheme,
  listing: readonly RemoteTag[],
  options?: ReadingOptions,
  previous: SourceTags | null = null,
): SourceTags {
  return runToCompletion(readerOf(scheme, options).read(listing, previous));
}

/** The tags of a listing, in its order. */
export function readTags(scheme: TagScheme, tags: readonly string[], options?: ReadingOptions): readonly SchemeTag[] {
  return [
    ...readListing(
      scheme,
      tags.map((tag) => listed(tag)),
      options,
    ).tags.values(),
  ];
}

/** The tags of a listing in the order of the scheme, as `tag class`. */
export function readInOrder(scheme: TagScheme, tags: readonly string[], options?: ReadingOptions): string[] {
  return readTags(scheme, tags, options)
    .toSorted((a, b) => scheme.compare(a, b))
    .map((tag) => `${tag.tag} ${tag.class}`);
}

/** The ranked tags of a listing, the newest first; tags of one version share an entry, with blanks between. */
export function versionsOf(scheme: TagScheme, tags: readonly string[], options?: ReadingOptions): string[] {
  const versions: SchemeTag[][] = [];
  for (const tag of readTags(scheme, tags, options).toSorted((a, b) => scheme.compare(a, b))) {
    if (!tag.ranked) continue;
    const [last] = versions.at(-1) ?? [];
    if (last !== undefined && scheme.isSameVersion(last, tag)) versions.at(-1)?.push(tag);
    else versions.push([tag]);
  }
  return versions.map((same) => same.map(({ tag }) => tag).join(" "));
}
