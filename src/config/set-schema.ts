import { z } from "zod";
import type { WrittenLimit } from "../domain/settings.ts";
import { parseDateTime } from "../domain/tags/calendar.ts";
import { parseDuration } from "./duration.ts";
import {
  list,
  mapping,
  optional,
  parsed,
  parsedText,
  section,
  text,
  wholeNumber,
  withDefault,
  word,
} from "./fields.ts";
import { labels, qualifiedName } from "./kubernetes-rules.ts";
import { toleration } from "./pod-rules.ts";
import { MAX_NAMED, name, tag } from "./source-schema.ts";

const DAY = 86_400_000;
const MAX_AGE = 36_500 * DAY;
const MAX_NEWEST = 1_000;

/** Affinity's own rules of which values belong to which operator are checked with all else (`expression-checks.ts`). */
export const expressions = list(
  mapping({
    key: qualifiedName,
    operator: word(["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]),
    values: withDefault(list(text("a text", /^[^\p{Cc}]*$/u), "a list of texts"), []),
  }),
  "a list of expressions such as {key: example.org/labs, operator: Exists}",
);

const BARE_DATE = /^\d{4}-\d\d-\d\d$/;
const ZONED = /[Tt ].*(?:[Zz]|[+-]\d\d:?\d\d)$/;

/** A day in UTC, as its beginning or its end, or a time with its zone. */
function limit(isEnd: boolean) {
  return parsedText((written): WrittenLimit | null => {
    const isDay = BARE_DATE.test(written);
    const time = isDay || ZONED.test(written) ? parseDateTime(written) : null;
    return time === null ? null : { ms: isDay && isEnd ? time + DAY : time, text: written };
  }, "a day such as 2026-12-20, or a time with its zone such as 2026-12-20T18:00:00Z");
}

const within = parsed(
  z.union([z.string(), z.number()], { error: "a duration such as 90d" }),
  (value): WrittenLimit | null => {
    const ms = parseDuration(value);
    return ms !== null && ms <= MAX_AGE ? { ms, text: String(value) } : null;
  },
  "a duration such as 90d, 12h or a number of seconds, up to 100 years",
);

const variant = text("a variant: letters, digits, `_`, `.` and `-`, and `*` for any characters", /^[\w.*-]{1,128}$/);
const variantsError = { error: "a variant or a list of them, each with `*` for any characters" };
const variants = z
  .union([variant.transform((one) => [one]), z.array(z.unknown())], variantsError)
  .pipe(list(variant, "a list of variants").min(1, variantsError));

/** A rule; which keys go together, and with which scheme, is checked with all else (`rule-checks.ts`). */
const rule = mapping({
  source: name,
  alias: optional(tag),
  pin: optional(list(tag, "a list of tags").min(1, { error: "a list of at least one tag" })),
  newest: optional(wholeNumber(0, MAX_NEWEST)),
  class: optional(text("a class of tags", /^[\w.-]{1,128}$/)),
  range: optional(text("a range of versions such as ^4.2.0")),
  within: optional(within),
  since: optional(limit(false)),
  variant: optional(variants),
  newestPer: optional(word(["major", "minor", "variant"])),
  until: optional(limit(true)),
});

const set = mapping({
  name,
  nodes: section({
    selector: optional(labels),
    expressions: optional(expressions),
    tolerations: optional(list(toleration, "a list of tolerations")),
  }),
  images: list(rule, "a list of rules such as {source: NAME, newest: 2}").min(1, { error: "at least one rule" }),
  order: withDefault(word(["rules", "display"]), "rules"),
});

/** `sets`. */
export const sets = list(set, "a list of sets").max(MAX_NAMED, { error: `at most ${MAX_NAMED} sets` });
