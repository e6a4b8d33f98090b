/** The types of tags, in display order (docs/spec/tags.md). */
export const TAG_TYPES = [
  "ALIAS",
  "RELEASE",
  "WEEKLY",
  "DAILY",
  "RELEASE_CANDIDATE",
  "EXPERIMENTAL",
  "UNKNOWN",
] as const;

/** What kind of build a tag names. */
export type TagType = (typeof TAG_TYPES)[number];

/** A version with semantic-version precedence; `prerelease` is `rcN` or null. */
export interface TagVersion {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
  readonly prerelease: string | null;
  /** Build metadata, which precedence ignores; null for every tag of the grammar today. */
  readonly build: string | null;
}

/** One parsed tag (docs/spec/tags.md, after SQR-059). Immutable; a field that the tag does not have is null. */
export interface Tag {
  /** The tag as written. */
  readonly tag: string;
  readonly type: TagType;
  readonly displayName: string;
  readonly version: TagVersion | null;
  /** Whether `version` is a semantic one, as releases', candidates' and experimental builds' of those are. */
  readonly semantic: boolean;
  /** The name part of an alias or unknown tag. */
  readonly base: string | null;
  readonly cycle: number | null;
  readonly cycleBuild: number | null;
  readonly build: number | null;
  readonly extra: string | null;
  readonly architecture: string | null;
  /** The tag's date, milliseconds since the epoch (00:00 UTC). */
  readonly date: number | null;
}
