import { createRequire } from "node:module";
import { SchemeError } from "../domain/schemes/scheme-error.ts";
import type { TagPattern } from "../domain/schemes/tag-pattern.ts";

/** In characters. */
const MAX_PATTERN = 256;
/** In steps of the compiled pattern, since the time for a tag is the product of both: `.{0,1000}` alone has 2,000. */
const MAX_PROGRAM = 1_000;

/** A pattern that stands for itself. */
const LITERAL = /^(?:[\w-]|\\\.)+$/;

/**
 * Compiles an RE2 pattern: its time is linear in the tag, so it has neither look-around nor back-references. The engine is
 * loaded with the first pattern that is more than a tag. Error: SchemeError.
 */
export function compilePattern(pattern: string): TagPattern {
  if (pattern === "" || pattern.length > MAX_PATTERN) throw badPattern(`of 1 to ${MAX_PATTERN} characters`);
  if (LITERAL.test(pattern)) return literalPattern(pattern.replaceAll("\\", ""));
  const compiled = compile(pattern);
  if (compiled.programSize() > MAX_PROGRAM)
    throw badPattern("with fewer repetitions: this one takes too long for a tag");
  const groups = Object.keys(compiled.namedGroups());
  return {
    groups,
    matches: (tag) => compiled.testExact(tag),
    capture(tag) {
      const matcher = compiled.matcher(tag);
      if (!matcher.matches()) return null;
      const found = groups.map((group) => [group, matcher.group(group)] as const);
      return new Map(found.filter((entry): entry is [string, string] => entry[1] !== null));
    },
  };
}

/** One tag, as `images:` has its aliases: for these alone no engine is loaded. */
function literalPattern(literal: string): TagPattern {
  const matches = (tag: string) => tag === literal;
  return { groups: [], matches, capture: (tag) => (matches(tag) ? new Map<string, string>() : null) };
}

function compile(pattern: string) {
  const { RE2JS, RE2JSSyntaxException }: typeof import("re2js") = createRequire(import.meta.url)("re2js");
  try {
    return RE2JS.compile(pattern);
  } catch (error) {
    if (!(error instanceof RE2JSSyntaxException)) throw error;
    throw badPattern(`without ${reasonOf(error.getDescription())}`);
  }
}

/** The engine quotes the pattern, which is not repeated here. */
function reasonOf(description: string): string {
  if (/look|Perl syntax|named capture/.test(description)) return "look-around or other syntax that RE2 lacks";
  if (description.includes("escape sequence")) return "back-references or escapes that RE2 lacks";
  return `this fault: ${description}`;
}

function badPattern(what: string): SchemeError {
  return new SchemeError("pattern", `an RE2 pattern of whole tags, ${what}`);
}
