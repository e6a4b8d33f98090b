/** A compiled RE2 pattern, which takes time linear in the tag. It matches a whole tag or not at all. */
export interface TagPattern {
  /** The names of its groups. */
  readonly groups: readonly string[];
  matches(tag: string): boolean;
  /** The text of each named group that took part in the match, or null where the pattern does not match. */
  capture(tag: string): ReadonlyMap<string, string> | null;
}

/** Compiles a pattern; the domain itself imports no library. Error: SchemeError. */
export type CompilePattern = (pattern: string) => TagPattern;
