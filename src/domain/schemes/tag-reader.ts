import { type CooperativeTask, STEP_SIZE } from "../cooperative.ts";
import type { RemoteTag } from "../tags/remote-tag.ts";
import { isRunnableTag, isValidTag } from "../tags/tag-parse.ts";
import type { SchemeTag, TagScheme } from "./scheme.ts";
import { unreadTag } from "./scheme-tag.ts";
import type { TagPattern } from "./tag-pattern.ts";

/** How one source reads its tags. */
export interface TagReaderOptions {
  readonly scheme: TagScheme;
  readonly ignore: readonly Pick<TagPattern, "matches">[];
  readonly aliases: readonly Pick<TagPattern, "matches">[];
  /** Tags that are aliases because an `alias` rule names them. */
  readonly aliasTags: ReadonlySet<string>;
}

/** The tags of one listing, in its order, and what they need of each other. */
export interface SourceTags {
  readonly tags: readonly SchemeTag[];
  /** For `TagReader.readTag`. */
  readonly siblings: ReadonlySet<string>;
}

/** Reads the tags of one source: ignores, aliases, the scheme, and the class `other`, in this order. */
export interface TagReader {
  readonly scheme: TagScheme;
  /** All tags of a listing that are not left out. */
  read(listing: readonly RemoteTag[]): CooperativeTask<SourceTags>;
  /** One tag beside the listing that `siblings` is of; null where it is left out. */
  readTag(tag: RemoteTag, siblings: ReadonlySet<string>): SchemeTag | null;
  /** Whether a tag is left out: no valid tag, no image's, ignored, or of another cycle. */
  isLeftOut(tag: string): boolean;
}

const NO_SIBLINGS: ReadonlySet<string> = new Set();

/** Creates the reader of a source. */
export function createTagReader({ scheme, ignore, aliases, aliasTags }: TagReaderOptions): TagReader {
  const isIgnored = (tag: string) => ignore.some((pattern) => pattern.matches(tag));
  const isAlias = (tag: string) => aliasTags.has(tag) || aliases.some((pattern) => pattern.matches(tag));
  const isUsable = (tag: string) => isValidTag(tag) && isRunnableTag(tag) && !isIgnored(tag);

  function readUsable(remote: RemoteTag, siblings: ReadonlySet<string>): SchemeTag | null {
    const read = scheme.readsFirst || !isAlias(remote.tag) ? scheme.read(remote, siblings) : null;
    const tag = read ?? unreadTag(scheme, isAlias(remote.tag) ? "alias" : "other", remote.tag);
    return scheme.drops(tag) ? null : tag;
  }

  function* read(listing: readonly RemoteTag[]): CooperativeTask<SourceTags> {
    const usable: RemoteTag[] = [];
    const siblings = new Set<string>();
    for (let from = 0; from < listing.length; from += STEP_SIZE) {
      for (const remote of listing.slice(from, from + STEP_SIZE)) {
        if (!isUsable(remote.tag)) continue;
        usable.push(remote);
        const key = scheme.siblingKey(remote.tag);
        if (key !== null && !isAlias(remote.tag)) siblings.add(key);
      }
      yield;
    }
    const tags: SchemeTag[] = [];
    for (let from = 0; from < usable.length; from += STEP_SIZE) {
      for (const remote of usable.slice(from, from + STEP_SIZE)) {
        const tag = readUsable(remote, siblings);
        if (tag !== null) tags.push(tag);
      }
      yield;
    }
    return { tags, siblings };
  }

  return {
    scheme,
    read,
    readTag: (tag, siblings) => (isUsable(tag.tag) ? readUsable(tag, siblings) : null),
    isLeftOut: (tag) => !isUsable(tag) || readUsable({ tag, digest: null, sizeBytes: null }, NO_SIBLINGS) === null,
  };
}
