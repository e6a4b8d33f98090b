import type { TagVersion } from "../tags/tag.ts";
import { fullYear, timeOfDate } from "./date-parts.ts";
import { RANKED_SCHEME } from "./ranked.ts";
import type { OrderPart, SchemeTag, TagScheme } from "./scheme.ts";
import { SchemeError } from "./scheme-error.ts";
import { readTag } from "./scheme-tag.ts";
import type { TagPattern } from "./tag-pattern.ts";

/** The groups by which tags are compared, one after the other. */
const ORDER = ["major", "minor", "patch", "prerelease", "year", "month", "week", "day", "build"] as const;
const OTHERS = ["variant", "class"] as const;
const NUMBER = /^\d{1,15}$/;
/** Classes that a tag gets otherwise, and that no rule counts. */
const RESERVED: ReadonlySet<string> = new Set(["alias", "other"]);

type Part = (typeof ORDER)[number];
type Captured = ReadonlyMap<string, string>;

/** Tags that a pattern takes apart by its named groups (docs/spec/sets.md, Schemes). Error: SchemeError. */
export function createRegexScheme(pattern: TagPattern): TagScheme {
  checkGroups(pattern.groups);
  const has = (group: string) => pattern.groups.includes(group);
  const order = ORDER.filter(has);
  const abilities = {
    order: order.length > 0,
    major: has("major"),
    minor: has("minor"),
    date: has("year"),
    variant: has("variant"),
  };
  return {
    ...RANKED_SCHEME,
    name: "regex",
    classes: has("class") ? null : ["release", "prerelease"],
    abilities: () => abilities,
    read({ tag }) {
      const captured = pattern.capture(tag);
      return captured === null ? null : readCaptured(tag, captured, order);
    },
  };
}

function checkGroups(groups: readonly string[]): void {
  const known: readonly string[] = [...ORDER, ...OTHERS];
  const unknown = groups.find((group) => !known.includes(group));
  if (unknown !== undefined) refuse(`the groups ${known.join(", ")} and no others`);
  const has = (group: string) => groups.includes(group);
  if (!has("year") && ["month", "week", "day"].some(has)) refuse("a group year where there is one for a part of it");
  if (has("day") && !has("month")) refuse("a group month where there is one for the day");
  if (has("week") && has("month")) refuse("a group for the month or the week, not both");
}

function refuse(expected: string): never {
  throw new SchemeError("pattern", expected);
}

function readCaptured(tag: string, captured: Captured, parts: readonly Part[]): SchemeTag | null {
  const order: OrderPart[] = [];
  for (const part of parts) {
    const text = captured.get(part);
    if (part === "prerelease") order.push(text ?? "");
    else if (text === undefined) order.push(null);
    else if (NUMBER.test(text)) order.push(Number(text));
    else return null;
  }
  const ofClass = captured.get("class") || undefined;
  const date = dateOf(captured);
  if (date === undefined || RESERVED.has(ofClass ?? "")) return null;
  const prerelease = captured.get("prerelease") || null;
  const version = versionOf(captured, prerelease);
  const variant = captured.get("variant") || null;
  return readTag(tag, { order, class: ofClass, date, version, prerelease, variant, ranked: parts.length > 0 });
}

/** The date that the tag spells, null for none; undefined where there is no such date. */
function dateOf(captured: Captured): number | null | undefined {
  const number = (part: Part) => numberOf(captured, part);
  const [month, week, day] = [number("month"), number("week"), number("day")];
  const year = captured.get("year");
  if (year === undefined) return (month ?? week ?? day) === null ? null : undefined;
  return timeOfDate({ year: fullYear(year), month, week, day }) ?? undefined;
}

function versionOf(captured: Captured, prerelease: string | null): TagVersion | null {
  const number = (part: Part) => numberOf(captured, part);
  const major = number("major");
  if (major === null) return null;
  return { major, minor: number("minor") ?? 0, patch: number("patch") ?? 0, prerelease, build: null };
}

function numberOf(captured: Captured, part: Part): number | null {
  const digits = captured.get(part);
  return digits === undefined ? null : Number(digits);
}
