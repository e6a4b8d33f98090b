import { z } from "zod";
import { parseHostPort, parseListenAddress } from "../lib/net.ts";
import { parseDuration } from "./duration.ts";

/*
 * The kinds of values that the configuration has. The message of each is what was expected; `problems.ts` adds the key
 * and what was found.
 */

/** The longest text that any key takes, in characters. */
const MAX_TEXT_LENGTH = 1_024;

/** `schema`, or `fallback` where the key is absent or has no value (`key:`). */
export function withDefault<Schema extends z.ZodType>(schema: Schema, fallback: z.output<Schema>) {
  return schema.nullish().transform((value): z.output<Schema> => value ?? fallback);
}

/**
 * `schema`, or null where the key is absent. A key without a value is refused: left empty by mistake, it would let
 * everybody in.
 */
export function guard<Schema extends z.ZodType>(schema: Schema) {
  return schema.optional().transform((value): z.output<Schema> | null => value ?? null);
}

/** `schema`, or null where the key is absent or has no value. */
export function optional<Schema extends z.ZodType>(schema: Schema) {
  return schema.nullish().transform((value): z.output<Schema> | null => value ?? null);
}

/** A mapping with these keys and no others. */
export function mapping<Shape extends z.ZodRawShape>(shape: Shape) {
  const keys = Object.keys(shape).join(", ");
  return z.strictObject(shape, {
    error: (issue) => (issue.code === "unrecognized_keys" ? `one of ${keys}` : `a mapping with the keys ${keys}`),
  });
}

/** A mapping whose keys all have defaults: it may be left out as a whole. */
export function section<Shape extends z.ZodRawShape>(shape: Shape) {
  const schema = mapping(shape);
  return schema.nullish().transform((value) => value ?? schema.parse({}));
}

/** Text of this form. */
export function text(expected: string, form = /^[^\p{Cc}]+$/u) {
  return z
    .string({ error: expected })
    .max(MAX_TEXT_LENGTH, { error: expected, abort: true })
    .regex(form, { error: expected });
}

/** One of these words. */
export function word<const Words extends readonly [string, ...string[]]>(words: Words) {
  return z.enum(words, { error: () => eitherOf(words) });
}

/** One of these words, in upper or lower case, or one of the names that others have for them. */
export function wordInAnyCase<const Word extends string>(
  words: readonly Word[],
  others: Readonly<Record<string, Word>> = {},
) {
  const known = new Map<string, Word>([...words.map((each) => [each, each] as const), ...Object.entries(others)]);
  return parsedText((value) => known.get(value.toLowerCase()) ?? null, eitherOf(words));
}

function eitherOf(words: readonly string[]): string {
  if (words.length === 1) return words.join();
  return `${words.slice(0, -1).join(", ")}${words.length > 2 ? "," : ""} or ${words.at(-1)}`;
}

/** `true` or `false`, without quotes. */
export const flag = z.boolean({ error: "true or false" });

/** A whole number in this range. */
export function wholeNumber(least: number, most: number) {
  // Made where it is needed: locales are 7 MB of tables that a valid configuration has no use for.
  const error = () => `a whole number from ${least.toLocaleString("en")} to ${most.toLocaleString("en")}`;
  return z.int({ error }).min(least, { error }).max(most, { error });
}

/** A list without bounds worth naming; each entry as `schema` says. */
export function list<Schema extends z.ZodType>(schema: Schema, expected: string) {
  return z.array(schema, { error: expected }).max(10_000, { error: `${expected} of at most 10,000` });
}

/** Text or a number that `parse` understands, as what it makes of it. */
export function parsed<Input extends z.ZodType<string | number>, Output>(
  input: Input,
  parse: (value: z.output<Input>) => Output | null,
  expected: string,
) {
  return input.transform((value, context) => {
    const output = parse(value);
    if (output !== null) return output;
    context.issues.push({ code: "custom", message: expected, input: value });
    return z.NEVER;
  });
}

/** Text that `parse` understands, as what it makes of it. */
export function parsedText<Output>(parse: (value: string) => Output | null, expected: string) {
  return parsed(
    z.string({ error: expected }),
    (value) => (value.length > MAX_TEXT_LENGTH ? null : parse(value)),
    expected,
  );
}

/** A duration, as milliseconds, in a range of milliseconds; `range` says it in words. */
export function duration(least: number, most: number, range: string) {
  const expected = `a duration such as 5m, 1h30m or a number of seconds, ${range}`;
  return parsed(
    z.union([z.string(), z.number()], { error: expected }),
    (value) => {
      const milliseconds = parseDuration(value);
      return milliseconds !== null && milliseconds >= least && milliseconds <= most ? milliseconds : null;
    },
    expected,
  );
}

/** The host of a peer, as it was written: one that a URL and an image reference can have. */
export const peerHost = parsedText((text) => {
  const { host, port } = parseHostPort(text) ?? { host: "", port: 0 };
  return port !== 0 && !/[_%]/.test(host) && URL.canParse(`https://${text}`) ? text : null;
}, "a host, with port where it is not the usual one, without https://");

/** Where a server listens. */
export const listenAddress = parsedText(
  (text) => parseListenAddress(text.trim()),
  "an address with port such as 127.0.0.1:8080 or [::1]:8080",
);

/** A key of a feature that this version does not have. */
export function notYet(feature: string) {
  return z
    .unknown()
    .refine((value) => value === undefined || value === null, {
      error: `this version does not have ${feature} yet: remove the key`,
      params: { whole: true },
    })
    .optional();
}
