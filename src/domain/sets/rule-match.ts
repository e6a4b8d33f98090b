import { parseRange, type VersionRange } from "../schemes/range.ts";
import type { SchemeTag } from "../schemes/scheme.ts";
import type { NewestRule } from "../settings.ts";

/** Why a `newest` rule does not count a tag, before any tags are counted: the first that applies, in this order. */
export type Mismatch =
  | { readonly result: "alias" | "other" | "no-time" | "class" | "range" | "prerelease" | "variant" }
  /** Milliseconds by which the tag is too old. */
  | { readonly result: "date"; readonly byMs: number };

/** What a `newest` rule asks of each tag by itself. */
export interface RuleMatcher {
  /** Null where the rule counts the tag. */
  mismatch(tag: SchemeTag, now: number): Mismatch | null;
}

const NO_VERSION: VersionRange = { admitsPrereleases: false, has: () => false };

/** Creates the matcher of a rule (docs/spec/sets.md 3). */
export function createRuleMatcher(rule: NewestRule): RuleMatcher {
  // The configuration admits ranges only.
  const range = rule.range === null ? null : (parseRange(rule.range, rule.class === "prerelease") ?? NO_VERSION);
  const isOfVariant = variantMatcher(rule);
  return {
    mismatch(tag, now) {
      if (tag.class === "alias" || tag.class === "other") return { result: tag.class };
      if (!tag.ranked) return { result: "no-time" };
      if (rule.class !== null && tag.class !== rule.class) return { result: "class" };
      const outside = outsideRange(tag, rule, range);
      if (outside !== null) return { result: outside };
      const byMs = tooOldBy(tag, rule, now);
      if (byMs === null) return { result: "no-time" };
      if (byMs > 0) return { result: "date", byMs };
      return isOfVariant(tag.variant) ? null : { result: "variant" };
    },
  };
}

function outsideRange(tag: SchemeTag, rule: NewestRule, range: VersionRange | null): "range" | "prerelease" | null {
  const isWanted = rule.class === "prerelease";
  if (tag.prerelease && !isWanted && range?.admitsPrereleases !== true) return "prerelease";
  if (range === null) return null;
  return tag.version !== null && range.has(tag.version) ? null : "range";
}

/** How much older the tag is than `within` or `since` allows; null where it has no date. */
function tooOldBy({ date }: SchemeTag, { within, since }: NewestRule, now: number): number | null {
  if (within === null && since === null) return 0;
  if (date === null) return null;
  return within === null ? (since?.ms ?? date) - date : now - date - within.ms;
}

/** Left out: tags without a variant. `newestPer: variant` implies `*`, which takes tags without a variant, too. */
function variantMatcher({ variant, newestPer }: NewestRule): (variant: string | null) => boolean {
  const patterns = variant ?? (newestPer === "variant" ? ["*"] : null);
  if (patterns === null) return (own) => own === null;
  if (patterns.includes("*")) return () => true;
  return (own) => own !== null && patterns.some((pattern) => matchesGlob(own, pattern));
}

/** `*` stands for any characters. Takes time linear in the text for each `*`. */
function matchesGlob(text: string, pattern: string): boolean {
  const [first = "", ...rest] = pattern.split("*");
  const last = rest.pop();
  if (last === undefined) return text === first;
  if (!text.startsWith(first)) return false;
  let at = first.length;
  for (const part of rest) {
    const found = text.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return text.length - last.length >= at && text.endsWith(last);
}
