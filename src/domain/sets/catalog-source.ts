import { type Repository, repositoryOf } from "../images/repository.ts";
import { createSourceReader } from "../schemes/source-reader.ts";
import type { CompilePattern } from "../schemes/tag-pattern.ts";
import type { TagReader } from "../schemes/tag-reader.ts";
import type { Rule, SetConfig, SourceConfig } from "../settings.ts";

/** A source as catalogs are made of it: where it is, how its tags are read, and which rules want some of them. */
export interface CatalogSource extends Repository {
  readonly name: string;
  readonly reader: TagReader;
  /** Whether the listing has no digests, so that each costs a request. */
  readonly asksForDigests: boolean;
  /** The rules on this source, in the order of the sets and of the rules in them. */
  readonly rules: readonly SourceRule[];
}

/** A rule on a source, with its place. */
export interface SourceRule {
  readonly set: SetConfig;
  /** Its place among the set's rules. */
  readonly index: number;
  readonly rule: Rule;
}

/** Creates a source of the configuration, with the rules of the sets on it. Error: SchemeError. */
export function createCatalogSource(
  source: SourceConfig,
  sets: readonly SetConfig[],
  compile: CompilePattern,
): CatalogSource {
  return {
    name: source.name,
    ...repositoryOf(source.connection),
    reader: createSourceReader(source, sets, compile),
    asksForDigests: source.connection.type === "docker",
    rules: rulesOn(source.name, sets),
  };
}

/** The rules of the sets that are about the source of this name. */
export function rulesOn(source: string, sets: readonly SetConfig[]): readonly SourceRule[] {
  return sets.flatMap((set) =>
    set.rules.flatMap((rule, index) => (rule.source === source ? [{ set, index, rule }] : [])),
  );
}
