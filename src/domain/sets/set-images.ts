import type { Rule, SetConfig } from "../settings.ts";
import { ruleWords } from "./rule-words.ts";
import type { SourceEntry } from "./source-view.ts";

/** A rule of a set, and what it wants. */
export interface AppliedRule<Entry> {
  readonly set: SetConfig;
  /** Its place among the set's rules. */
  readonly index: number;
  readonly rule: Rule;
  readonly wanted: readonly Entry[];
  /** Tags that it names and the source lacks. */
  readonly missing: readonly string[];
  /** See `RuleOutcome`. */
  readonly shortfall: string | null;
}

/** One image that a set wants: one for each digest of a source. */
export interface WantedImage<Entry> {
  /** The tag by which the set wants it. */
  readonly entry: Entry;
  /** Name of its source. */
  readonly source: string;
  /** The first rule that wants it, in words. */
  readonly reason: string;
}

/**
 * The images of a set of rule order: in the order of the rules, then inside each rule; one digest of one source is one
 * image, with the tag of the first rule that wants it (docs/spec/sets.md 3.2).
 */
export function imagesInRuleOrder<Entry extends SourceEntry>(
  rules: readonly AppliedRule<Entry>[],
): readonly WantedImage<Entry>[] {
  const images = new Map<string, WantedImage<Entry>>();
  for (const { rule, wanted } of rules) {
    const reason = ruleWords(rule);
    for (const entry of wanted) {
      const key = imageKey(rule.source, entry);
      if (!images.has(key)) images.set(key, { entry, source: rule.source, reason });
    }
  }
  return [...images.values()];
}

/** What makes two tags of a source one image: their digest; a tag whose digest is not known is one by itself. */
export function imageKey(source: string, { digest, parsed }: SourceEntry): string {
  return digest === null ? `${source}:${parsed.tag}` : `${source}@${digest}`;
}
