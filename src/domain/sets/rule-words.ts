import type { NewestRule, Rule } from "../settings.ts";

/** What a rule wants, in words: the reason of the images that it wants. The keys stand in the order of docs/spec/sets.md 3. */
export function ruleWords(rule: Rule): string {
  const until = rule.until === null ? "" : `, until ${rule.until.text}`;
  switch (rule.kind) {
    case "alias":
      return `alias ${rule.alias} of ${rule.source}${until}`;
    case "pin":
      return `pin of ${rule.source}${until}`;
    case "newest":
      return `newest ${rule.newest} of ${rule.source}${limitWords(rule)}${until}`;
  }
}

function limitWords({ class: ofClass, range, within, since, variant, newestPer }: NewestRule): string {
  // Of each variant means of all of them.
  const isImplied = newestPer === "variant" && variant?.join() === "*";
  const words: readonly (readonly [string, string | null])[] = [
    ["class", ofClass],
    ["range", range],
    ["within", within?.text ?? null],
    ["since", since?.text ?? null],
    ["variant", isImplied ? null : (variant?.join(" or ") ?? null)],
    ["per", newestPer],
  ];
  return words.map(([key, text]) => (text === null ? "" : `, ${key} ${text}`)).join("");
}
