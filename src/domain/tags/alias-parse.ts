import type { Tag } from "./tag.ts";
import { parseTag, splitName } from "./tag-parse.ts";

/**
 * Reads a tag as the name of an alias (docs/spec/tags.md): base, optional cycle, optional architecture. Total; an
 * empty tag means `latest`.
 */
export function parseAliasTag(tag: string): Tag {
  const text = tag === "" ? parseTag(tag).tag : tag;
  const { base, cycle, architecture, suffix } = splitName(text);
  return {
    tag: text,
    type: "ALIAS",
    displayName: titleCase(base) + suffix,
    version: null,
    semantic: false,
    base,
    cycle,
    cycleBuild: null,
    build: null,
    extra: null,
    architecture,
    date: null,
  };
}

/** Parses a tag for a configuration: the names in `aliasTags` are aliases where they would otherwise be UNKNOWN. */
export function parseTagFor(tag: string, aliasTags: ReadonlySet<string>): Tag {
  const parsed = parseTag(tag);
  return parsed.type === "UNKNOWN" && aliasTags.has(parsed.tag) ? parseAliasTag(parsed.tag) : parsed;
}

/** An alias's base as people read it: underscores as spaces, and each run of letters in lower case after a capital. */
export function titleCase(base: string): string {
  return base
    .replaceAll("_", " ")
    .replace(/[A-Za-z]+/g, (letters) => letters.charAt(0).toUpperCase() + letters.slice(1).toLowerCase());
}
