/** A compiled RE2 pattern, which takes time linear in the tag. It matches a whole tag or not at all. */
export interface TagPattern {
  /** The names of its groups, in the order in which they begin. */
  readonly groups: readonly string[];
  matches(tag: string): boolean;
  /** The text of each named group that took part in the match, or null where the pattern does not match. */
  capture(tag: string): ReadonlyMap<string, string> | null;
}
