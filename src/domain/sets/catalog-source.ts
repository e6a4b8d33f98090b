import type { Repository } from "../images/repository.ts";
import type { TagReader } from "../schemes/tag-reader.ts";
import type { Rule, SetConfig } from "../settings.ts";

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

/** The rules of the sets that are about the source of this name. */
export function rulesOn(source: string, sets: readonly SetConfig[]): readonly SourceRule[] {
  return sets.flatMap((set) =>
    set.rules.flatMap((rule, index) => (rule.source === source ? [{ set, index, rule }] : [])),
  );
}
