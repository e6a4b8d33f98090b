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

/** The tags of one listing, and what they need of each other. */
export interface SourceTags {
  /** By tag, in the order of the listing; without those that are left out. */
  readonly tags: ReadonlyMap<string, SchemeTag>;
  /** For `TagReader.readTag`. */
  readonly siblings: ReadonlySet<string>;
}

/** What is used of an earlier reading. */
export interface ReadBefore {
  readonly tags: Pick<SourceTags["tags"], "get" | "has">;
}

/** Reads the tags of one source: ignores, aliases, the scheme, and the class `other`, in this order. */
export interface TagReader {
  readonly scheme: TagScheme;
  /**
   * Reads a listing. A tag that is as it was in the previous listing keeps its object.
   * @param previous what this reader made of the listing before, or null
   */
  read(listing: readonly RemoteTag[], previous: ReadBefore | null): CooperativeTask<SourceTags>;
  /** Reads one tag beside the listing that `siblings` is of; null where it is left out. */
  readTag(tag: RemoteTag, siblings: ReadonlySet<string>): SchemeTag | null;
  /** Whether a tag is left out: no valid tag, no image's, ignored, or of another cycle. */
  isLeftOut(tag: string): boolean;
}

/** Creates the reader of a source. */
export function createTagReader({ scheme, ignore, aliases, aliasTags }: TagReaderOptions): TagReader {
  const isIgnored = (tag: string) => ignore.some((pattern) => pattern.matches(tag));
  const isAlias = (tag: string) => aliasTags.has(tag) || aliases.some((pattern) => pattern.matches(tag));
  const isUsable = (tag: string) => isValidTag(tag) && isRunnableTag(tag) && !isIgnored(tag);

  function readUsable(remote: RemoteTag, siblings: ReadonlySet<string>): SchemeTag | null {
    const { tag } = remote;
    const isReadFirst = scheme.readsFirst || !isAlias(tag);
    const read = isReadFirst && !yields(tag, siblings) ? scheme.read(remote) : null;
    const found = read ?? unreadTag(scheme, isAlias(tag) ? "alias" : "other", tag);
    return scheme.drops(found) ? null : found;
  }

  function yields(tag: string, siblings: ReadonlySet<string>): boolean {
    const key = scheme.yieldsTo(tag);
    return key !== null && siblings.has(key);
  }

  /** What was made of the tag before, where that is what would be made of it now. */
  function reusable(remote: RemoteTag, previous: ReadBefore | null, siblings: ReadonlySet<string>): SchemeTag | null {
    const before = previous?.tags.get(remote.tag);
    if (before === undefined || before.class === "alias") return before ?? null;
    if (scheme.yieldsTo(remote.tag) !== null && yields(remote.tag, siblings) !== (before.class === "other"))
      return null;
    if (!scheme.usesPushTime || before.class === "other") return before;
    return before.date === (remote.pushedAt ?? null) ? before : null;
  }

  function* read(listing: readonly RemoteTag[], previous: ReadBefore | null): CooperativeTask<SourceTags> {
    const usable: RemoteTag[] = [];
    const siblings = new Set<string>();
    for (let from = 0; from < listing.length; from += STEP_SIZE) {
      for (const remote of listing.slice(from, from + STEP_SIZE)) {
        const before = previous?.tags.get(remote.tag);
        if (before === undefined && !isUsable(remote.tag)) continue;
        usable.push(remote);
        const key = scheme.siblingKey(remote.tag);
        if (key !== null && !(before === undefined ? isAlias(remote.tag) : before.class === "alias")) siblings.add(key);
      }
      yield;
    }
    const tags = new Map<string, SchemeTag>();
    for (let from = 0; from < usable.length; from += STEP_SIZE) {
      for (const remote of usable.slice(from, from + STEP_SIZE)) {
        const tag = reusable(remote, previous, siblings) ?? readUsable(remote, siblings);
        if (tag !== null) tags.set(tag.tag, tag);
      }
      yield;
    }
    return { tags, siblings };
  }

  return {
    scheme,
    read,
    readTag: (tag, siblings) => (isUsable(tag.tag) ? readUsable(tag, siblings) : null),
    isLeftOut: (tag) =>
      !isUsable(tag) || readUsable({ tag, digest: null, sizeBytes: null }, new Set<string>()) === null,
  };
}
