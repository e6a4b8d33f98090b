import { parseAliasTag } from "../tags/alias-parse.ts";
import type { Tag } from "../tags/tag.ts";
import { parseTag } from "../tags/tag-parse.ts";
import type { SchemeTag, TagScheme } from "./scheme.ts";

/**
 * A tag that its scheme does not read. In `rubin` it keeps what its name says (cycle, architecture); elsewhere these mean
 * nothing, and an alias has the display name of docs/spec/tags.md, any other tag its own.
 */
export function unreadTag({ name }: TagScheme, ofClass: "alias" | "other", tag: string): SchemeTag {
  const parsed = ofClass === "alias" ? parseAliasTag(tag) : parseTag(tag);
  const unread = { class: ofClass, ranked: false, prerelease: false, variant: null, order: [] } as const;
  if (name === "rubin") return { ...parsed, ...unread, variant: parsed.architecture };
  if (ofClass === "alias") return { ...plainTag(tag, "ALIAS"), displayName: parsed.displayName, ...unread };
  return { ...plainTag(tag, "UNKNOWN"), ...unread };
}

/** A tag of which nothing is known but that it is there. */
function plainTag(tag: string, type: Tag["type"]): Tag {
  return {
    tag,
    type,
    displayName: tag,
    version: null,
    semantic: false,
    base: null,
    cycle: null,
    cycleBuild: null,
    build: null,
    extra: null,
    architecture: null,
    date: null,
  };
}
