import { runToCompletion } from "../../../src/domain/cooperative.ts";
import type { SchemeTag, TagScheme } from "../../../src/domain/schemes/scheme.ts";
import { createTagReader } from "../../../src/domain/schemes/tag-reader.ts";

/** Patterns for tests that are not about patterns: whole tags, by the engine of the language. */
function patternsOf(patterns: readonly string[]) {
  return patterns.map((pattern) => {
    const whole = new RegExp(`^(?:${pattern})$`);
    return { matches: (tag: string) => whole.test(tag) };
  });
}

export interface ReadingOptions {
  readonly ignore?: readonly string[];
  readonly aliases?: readonly string[];
  readonly aliasTags?: readonly string[];
}

/** A reader of a source with this scheme. */
export function readerOf(scheme: TagScheme, { ignore = [], aliases = [], aliasTags = [] }: ReadingOptions = {}) {
  return createTagReader({
    scheme,
    ignore: patternsOf(ignore),
    aliases: patternsOf(aliases),
    aliasTags: new Set(aliasTags),
  });
}

/** The tags of a listing in the order of the scheme, as `tag class`. */
export function readInOrder(scheme: TagScheme, tags: readonly string[], options?: ReadingOptions): string[] {
  return readTags(scheme, tags, options)
    .toSorted((a, b) => scheme.compare(a, b))
    .map((tag) => `${tag.tag} ${tag.class}`);
}

/** The tags of a listing, in its order. */
export function readTags(scheme: TagScheme, tags: readonly string[], options?: ReadingOptions): readonly SchemeTag[] {
  const listing = tags.map((tag) => ({ tag, digest: null, sizeBytes: null }));
  return runToCompletion(readerOf(scheme, options).read(listing)).tags;
}
