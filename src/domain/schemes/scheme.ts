import type { SchemeConfig } from "../settings.ts";
import type { RemoteTag } from "../tags/remote-tag.ts";
import type { Tag } from "../tags/tag.ts";

/**
 * One tag of a source as its scheme reads it (docs/spec/sets.md, Schemes). Immutable. The fields of `Tag` are what
 * answers show: outside `rubin` the display name is the tag, `type` follows from the class, `architecture` and `cycle` are
 * null, and `version` is there where the scheme knows a major number (a missing minor or patch number is 0).
 * `date` is the tag's or, with `order: pushed`, the time of the push.
 */
export interface SchemeTag extends Tag {
  /** `alias`, `other`, or a class of the scheme. Schemes without classes have `release` for what they read. */
  readonly class: string;
  /**
   * Whether the tag has a place in the scheme's order. False for aliases, other tags, and tags of an order by push time
   * without such a time: no `newest` rule counts those.
   */
  readonly ranked: boolean;
  /** Whether `newest` rules need a range that names a prerelease, or the class `prerelease`, to count this tag. */
  readonly prerelease: boolean;
  readonly variant: string | null;
  /** By what tags of one source are compared (`compareOrder`); empty in `rubin`, whose display order decides. */
  readonly order: readonly OrderPart[];
}

/**
 * One part of what a version is compared by: a number, null for a missing one, or the text of a prerelease, empty for none.
 * A bigint is a number above 2^53.
 */
export type OrderPart = number | bigint | string | null;

/** What the tags of a scheme have, or those of one class of it. A rule that needs what is missing is an error. */
export interface SchemeAbilities {
  /** For `newest`. */
  readonly order: boolean;
  /** For `range` and `newestPer: major`. */
  readonly major: boolean;
  /** For `newestPer: minor`, which is by major and minor number. */
  readonly minor: boolean;
  /** For `within` and `since`. */
  readonly date: boolean;
  /** For `variant` and `newestPer: variant`. */
  readonly variant: boolean;
}

/** How the tags of a source are read and ordered. Stateless; every method takes time linear in the tag. */
export interface TagScheme {
  readonly name: SchemeConfig["name"];
  /** The classes that a rule may name; null where any text may be one, because a pattern finds it in the tag. */
  readonly classes: readonly string[] | null;
  /** Whether a `newest` rule must name a class: order holds inside a class only. */
  readonly needsClass: boolean;
  /** Whether the scheme reads a tag before the aliases of the source are looked at: only what it cannot read is an alias. */
  readonly readsFirst: boolean;
  /** Whether tags are ordered by the time at which they were pushed: a source that reports none at all is failing then. */
  readonly usesPushTime: boolean;
  /** What tags of this class have, or those of any class (null). */
  abilities(ofClass: string | null): SchemeAbilities;
  /** Reads one tag by itself. Null where the scheme cannot: the tag is `other`. */
  read(tag: RemoteTag): SchemeTag | null;
  /** Whether a tag that the scheme reads is left out of the source: one of another `cycle`. */
  drops(tag: Tag): boolean;
  /** What this tag means to the reading of others: the `4.3` of `4.3.1`. Null for nothing. */
  siblingKey(tag: string): string | null;
  /** The sibling key beside which the tag is `other`, as `4.3` is a moving tag beside `4.3.1`. Null for none. */
  yieldsTo(tag: string): string | null;
  /**
   * The order of a source's tags: the newest first, versions before variants, without variant before with. Total: 0 only
   * for one tag. What is not ranked comes last, and in `rubin` where the display order has it.
   */
  compare(a: SchemeTag, b: SchemeTag): number;
  /** Whether two ranked tags of one class are one version: they differ in variant or spelling alone. */
  isSameVersion(a: SchemeTag, b: SchemeTag): boolean;
}
