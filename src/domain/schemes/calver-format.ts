import { SchemeError } from "./scheme-error.ts";

/** What a word of a format stands for; parts of one date are compared as one. */
export type CalverPart = "year" | "month" | "day" | "week" | "major" | "minor" | "micro";

/** A format, compiled. */
export interface CalverFormat {
  /** The parts, as groups by their names, and the group `variant`; it matches whole tags. */
  readonly expression: RegExp;
  /** In the order of the format. */
  readonly parts: readonly CalverPart[];
}

interface Word {
  readonly part: CalverPart;
  readonly digits: string;
  /** Where another word stands right before or after it. */
  readonly digitsBesideWord: string;
}

const SHORT = { digits: String.raw`\d{1,2}`, digitsBesideWord: String.raw`\d{2}` };
const PADDED = { digits: String.raw`\d{2}`, digitsBesideWord: String.raw`\d{2}` };
const ANY = { digits: String.raw`\d+`, digitsBesideWord: String.raw`\d+` };

const WORDS: Readonly<Record<string, Word>> = {
  YYYY: { part: "year", digits: String.raw`\d{4}`, digitsBesideWord: String.raw`\d{4}` },
  YY: { part: "year", ...SHORT },
  "0Y": { part: "year", ...PADDED },
  MM: { part: "month", ...SHORT },
  "0M": { part: "month", ...PADDED },
  DD: { part: "day", ...SHORT },
  "0D": { part: "day", ...PADDED },
  WW: { part: "week", ...SHORT },
  "0W": { part: "week", ...PADDED },
  MAJOR: { part: "major", ...ANY },
  MINOR: { part: "minor", ...ANY },
  MICRO: { part: "micro", ...ANY },
};

const TOKEN = /YYYY|YY|0Y|MAJOR|MINOR|MICRO|MM|0M|DD|0D|WW|0W|\[|\]|./gs;
const LITERAL = /^[\w.-]$/;
/** After `-` or `_`, beginning with a letter, so that no further number is taken for one. */
const VARIANT = String.raw`(?:[-_](?<variant>[A-Za-z][\w.-]*))?`;

/** Compiles a format such as `YYYY.0M.0D[-vMICRO]` (docs/spec/sets.md, Schemes). Error: SchemeError. */
export function parseCalverFormat(format: string): CalverFormat {
  const tokens = format.match(TOKEN) ?? [];
  const parts: CalverPart[] = [];
  let expression = "";
  let isOptional = false;
  for (const [index, token] of tokens.entries()) {
    const word = WORDS[token];
    if (word !== undefined) {
      if (parts.includes(word.part)) refuse(`it has two words for the ${word.part}`);
      if (isOptional && word.part === "year") refuse("the year cannot be in brackets");
      if (word.digits === ANY.digits && WORDS[neighbour(tokens, index, 1)]?.digits === ANY.digits)
        refuse(`${token} and the word after it need something between them`);
      parts.push(word.part);
      expression += `(?<${word.part}>${hasWordBeside(tokens, index) ? word.digitsBesideWord : word.digits})`;
    } else if (token === "[" || token === "]") {
      if (isOptional === (token === "[")) refuse("its brackets do not match; they cannot be nested");
      isOptional = token === "[";
      expression += isOptional ? "(?:" : ")?";
    } else {
      if (!LITERAL.test(token)) refuse("it has a character that no tag has");
      expression += token === "." ? String.raw`\.` : token;
    }
  }
  if (isOptional) refuse("a bracket is not closed");
  checkDate(parts);
  return { expression: new RegExp(`^${expression}${VARIANT}$`), parts };
}

function checkDate(parts: readonly CalverPart[]): void {
  if (!parts.includes("year")) refuse("it has no year: YYYY, YY or 0Y");
  if (parts.includes("day") && !parts.includes("month")) refuse("it has a day, but no month");
  if (parts.includes("week") && parts.includes("month")) refuse("it has both a month and a week");
}

function hasWordBeside(tokens: readonly string[], index: number): boolean {
  return neighbour(tokens, index, -1) in WORDS || neighbour(tokens, index, 1) in WORDS;
}

/** The next token in this direction that is no bracket; empty where there is none. */
function neighbour(tokens: readonly string[], index: number, step: 1 | -1): string {
  const next = tokens[index + step] ?? "";
  return next === "[" || next === "]" ? neighbour(tokens, index + step, step) : next;
}

function refuse(reason: string): never {
  throw new SchemeError("format", `a format such as YYYY-0M-0D: ${reason}`);
}
