import type { TagVersion } from "../tags/tag.ts";
import { type CalverPart, parseCalverFormat } from "./calver-format.ts";
import { fullYear, timeOfDate } from "./date-parts.ts";
import { orderNumber, RANKED_SCHEME } from "./ranked.ts";
import type { OrderPart, SchemeTag, TagScheme } from "./scheme.ts";
import { readTag } from "./scheme-tag.ts";

type Groups = Readonly<Record<string, string | undefined>>;

const DATE_PARTS: readonly CalverPart[] = ["year", "month", "day", "week"];

/** Dates, perhaps with version numbers, in a format (docs/spec/sets.md, Schemes). Error: SchemeError. */
export function createCalverScheme(format: string): TagScheme {
  const { expression, parts } = parseCalverFormat(format);
  const ordered = orderedParts(parts);
  const abilities = {
    order: true,
    major: parts.includes("major"),
    minor: parts.includes("minor"),
    date: true,
    variant: true,
  };
  return {
    ...RANKED_SCHEME,
    name: "calver",
    classes: [],
    abilities: () => abilities,
    read({ tag }) {
      const groups = expression.exec(tag)?.groups;
      return groups === undefined ? null : readCalver(tag, groups, ordered);
    },
  };
}

/** From left to right, but the date as one, from its largest part on, where its first word stands. */
function orderedParts(parts: readonly CalverPart[]): readonly CalverPart[] {
  const date = DATE_PARTS.filter((part) => parts.includes(part));
  const first = parts.findIndex((part) => DATE_PARTS.includes(part));
  return parts.flatMap((part, index) => {
    if (index === first) return date;
    return DATE_PARTS.includes(part) ? [] : [part];
  });
}

function readCalver(tag: string, groups: Groups, ordered: readonly CalverPart[]): SchemeTag | null {
  const year = fullYear(groups["year"] ?? "");
  const number = (part: string) => (groups[part] === undefined ? null : Number(groups[part]));
  const date = timeOfDate({ year, month: number("month"), day: number("day"), week: number("week") });
  if (date === null) return null;
  const order = ordered.map((part): OrderPart => {
    const digits = groups[part];
    if (digits === undefined) return null;
    return part === "year" ? year : orderNumber(digits);
  });
  return readTag(tag, { order, date, variant: groups["variant"] ?? null, version: versionOf(number) });
}

/** The version that ranges go by, where the format has a major number. */
function versionOf(number: (part: string) => number | null): TagVersion | null {
  const major = number("major");
  if (major === null) return null;
  return { major, minor: number("minor") ?? 0, patch: number("micro") ?? 0, prerelease: null, build: null };
}
