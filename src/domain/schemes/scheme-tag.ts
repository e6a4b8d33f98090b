import { parseAliasTag } from "../tags/alias-parse.ts";
import type { Tag, TagVersion } from "../tags/tag.ts";
import { parseTag } from "../tags/tag-parse.ts";
import type { SchemeTag, TagScheme } from "./scheme.ts";

/** What a scheme other than `rubin` finds in a tag. */
interface Findings extends Pick<SchemeTag, "order"> {
  /** Default: `release`, or `prerelease` where there is one. */
  readonly class?: string | undefined;
  readonly version?: TagVersion | null;
  readonly date?: number | null;
  readonly variant?: string | null;
  /** The text of a prerelease; empty or null for none. */
  readonly prerelease?: string | null;
  /** Default: true. */
  readonly ranked?: boolean;
}

/** A tag that a scheme other than `rubin` has read. */
export function readTag(tag: string, found: Findings): SchemeTag {
  const { version = null, date = null, variant = null, ranked = true, order } = found;
  const prerelease = Boolean(found.prerelease);
  const ofClass = found.class ?? (prerelease ? "prerelease" : "release");
  const type = ofClass === "prerelease" ? "RELEASE_CANDIDATE" : "RELEASE";
  const semantic = version !== null;
  return { ...plainTag(tag, type), version, semantic, date, class: ofClass, ranked, prerelease, variant, order };
}

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
