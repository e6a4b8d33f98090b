import type { TagVersion } from "../tags/tag.ts";
import { parseVersion } from "../tags/version.ts";
import { orderNumber, RANKED_SCHEME } from "./ranked.ts";
import type { SchemeTag, TagScheme } from "./scheme.ts";
import { readTag } from "./scheme-tag.ts";

/** Two numbers, which may be a version without its third. */
const TWO_PARTS = /^v?((?:0|[1-9]\d*)\.(?:0|[1-9]\d*))$/;
const NUMBERS = /\d+/g;

/** Versions by Semantic Versioning 2.0.0, with `v` in front or without (docs/spec/sets.md, Schemes). */
export function createSemverScheme(): TagScheme {
  return {
    ...RANKED_SCHEME,
    name: "semver",
    classes: ["release", "prerelease"],
    abilities: () => ({ order: true, major: true, minor: true, date: false, variant: false }),
    read: ({ tag }) => readSemver(tag),
    siblingKey: releaseLine,
    yieldsTo: (tag) => TWO_PARTS.exec(tag)?.[1] ?? null,
  };
}

function readSemver(tag: string): SchemeTag | null {
  const text = TWO_PARTS.exec(tag)?.[1];
  const version = text === undefined ? parseWithV(tag) : parseVersion(`${text}.0`);
  if (version === null) return null;
  const prerelease = version.prerelease ?? "";
  const numbers = (tag.match(NUMBERS) ?? []).slice(0, text === undefined ? 3 : 2).map(orderNumber);
  return readTag(tag, { order: [...numbers, ...(text === undefined ? [] : [0]), prerelease], version, prerelease });
}

/** Major and minor number of a release with three, as `4.3` of `v4.3.1`. */
function releaseLine(tag: string): string | null {
  const version = parseWithV(tag);
  if (version === null || version.prerelease !== null) return null;
  const text = withoutV(tag);
  return text.slice(0, text.lastIndexOf("."));
}

function parseWithV(tag: string): TagVersion | null {
  return parseVersion(withoutV(tag));
}

function withoutV(tag: string): string {
  return tag.startsWith("v") ? tag.slice(1) : tag;
}
