import { RANKED_SCHEME } from "./ranked.ts";
import type { TagScheme } from "./scheme.ts";
import { readTag } from "./scheme-tag.ts";
import type { TagPattern } from "./tag-pattern.ts";

/**
 * Tags that say nothing, such as commits (docs/spec/sets.md, Schemes).
 * @param pattern the tags that are meant; null for all
 * @param isByPushTime whether the time at which the registry got a tag is its order and its date
 */
export function createOpaqueScheme(pattern: TagPattern | null, isByPushTime: boolean): TagScheme {
  const abilities = { order: isByPushTime, major: false, minor: false, date: isByPushTime, variant: false };
  return {
    ...RANKED_SCHEME,
    name: "opaque",
    classes: [],
    usesPushTime: isByPushTime,
    abilities: () => abilities,
    read({ tag, pushedAt }) {
      if (pattern !== null && !pattern.matches(tag)) return null;
      const time = isByPushTime ? (pushedAt ?? null) : null;
      return readTag(tag, { order: [time], date: time, ranked: time !== null });
    },
  };
}
