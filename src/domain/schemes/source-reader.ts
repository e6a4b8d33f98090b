import type { SetConfig, SourceConfig } from "../settings.ts";
import { createScheme } from "./create-scheme.ts";
import type { CompilePattern } from "./tag-pattern.ts";
import { createTagReader, type TagReader } from "./tag-reader.ts";

/** Creates the reader of a source; tags that an `alias` rule of any set names are aliases. Error: SchemeError. */
export function createSourceReader(
  source: SourceConfig,
  sets: readonly SetConfig[],
  compile: CompilePattern,
): TagReader {
  const rules = sets.flatMap((set) => set.rules).filter((rule) => rule.source === source.name);
  return createTagReader({
    scheme: createScheme(source.scheme, compile),
    ignore: source.ignore.map(compile),
    aliases: source.aliases.map(compile),
    aliasTags: new Set(rules.flatMap((rule) => (rule.kind === "alias" ? [rule.alias] : []))),
  });
}
