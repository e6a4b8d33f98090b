import type { z } from "zod";
import type { ConfigProblem } from "./config-error.ts";
import { nubladoProblems } from "./nublado/keys.ts";

/** Names of keys whose values are never shown, right or wrong. */
const SECRET_KEY = /secret|password|passwd|token|credential|webhook|auth|key/i;
/** Text that is shown: short, and without what URLs with credentials and tokens have. */
const HARMLESS_TEXT = /^(?!.*:\/\/)(?!.*[\w+/-]{24})[\w .,:/+-]{1,40}$/;
/** The longest key that is shown whole, in characters. */
const MAX_KEY_LENGTH = 64;

/** More problems than these are counted rather than described. */
const MAX_PROBLEMS = 50;

/** What is wrong with `input`, by path, each path once: the issues of its schema, and other problems that were found. */
export function problemsOf(
  issues: readonly z.core.$ZodIssue[],
  input: unknown,
  others: readonly ConfigProblem[],
): readonly ConfigProblem[] {
  const problems = new Map<string, ConfigProblem>();
  for (const problem of [...issues.flatMap((issue) => problemsOfIssue(issue, input)), ...others]) {
    if (!problems.has(problem.path)) problems.set(problem.path, problem);
  }
  const described = [...problems.values()].slice(0, MAX_PROBLEMS);
  const more = problems.size - described.length;
  return more === 0 ? described : [...described, { path: "", message: `and ${more.toLocaleString("en")} more` }];
}

function problemsOfIssue(issue: z.core.$ZodIssue, input: unknown): readonly ConfigProblem[] {
  if (issue.code === "unrecognized_keys") {
    return issue.keys.flatMap((key) => problemsOfUnknownKey([...issue.path, key], key, issue.message, input));
  }
  if (issue.code === "custom" && issue.params?.["whole"] === true) {
    return [{ path: writePath(issue.path), message: issue.message }];
  }
  if (issue.code === "invalid_key") {
    const [key = issue] = issue.issues;
    const found = describeFound(issue.path.at(-1), undefined);
    return [{ path: writePath(issue.path), message: `expected ${key.message}, found ${found}` }];
  }
  const value = valueAt(input, issue.path);
  const found = `${describeFound(value, issue.path.at(-1))}${quotesHint(issue, value)}`;
  return [{ path: writePath(issue.path), message: `expected ${issue.message}, found ${found}` }];
}

function problemsOfUnknownKey(path: readonly PropertyKey[], key: string, expected: string, input: unknown) {
  const foreign = path.length === 1 ? nubladoProblems(key, valueAt(input, path)) : null;
  const message = `expected ${expected}, found an unknown key${hint(key, expected)}`;
  return foreign ?? [{ path: writePath(path), message }];
}

/** YAML makes numbers of what looks like one, and text of what stands in quotes. */
function quotesHint(issue: z.core.$ZodIssue, value: unknown): string {
  if (issue.code !== "invalid_type") return "";
  const isScalar = typeof value === "number" || typeof value === "boolean";
  if (issue.expected === "string" && isScalar) return " (put it in quotes)";
  const isQuotedScalar = typeof value === "string" && /^(?:-?[0-9.]+|true|false)$/.test(value);
  return isQuotedScalar ? " (take the quotes off)" : "";
}

/** For keys that differ in spelling alone, as `num_releases` from `numReleases`. */
function hint(key: string, expected: string): string {
  const plain = (name: string) => name.replaceAll(/[_-]/g, "").toLowerCase();
  const known = expected
    .replace(/^one of /, "")
    .split(", ")
    .find((name) => plain(name) === plain(key));
  return known === undefined ? "" : ` (write ${known})`;
}

/** `images.pin[2]`; keys that are no plain names stand in quotes, and the root is empty. */
function writePath(path: readonly PropertyKey[]): string {
  let written = "";
  for (const part of path) {
    if (typeof part === "number") written += `[${part}]`;
    else written += `${written === "" ? "" : "."}${writeKey(String(part))}`;
  }
  return written;
}

function writeKey(key: string): string {
  const short = key.length > MAX_KEY_LENGTH ? `${key.slice(0, MAX_KEY_LENGTH)}…` : key;
  return /^[\w-]+…?$/.test(short) ? short : JSON.stringify(short);
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let value = input;
  for (const part of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, part)) return undefined;
    value = Reflect.get(value, part);
  }
  return value;
}

function describeFound(value: unknown, key: PropertyKey | undefined): string {
  if (value === undefined || value === null) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a mapping";
  if (typeof key === "string" && SECRET_KEY.test(key)) return `a ${nameOfType(value)}`;
  if (typeof value === "string") return describeText(value);
  return String(value);
}

function describeText(value: string): string {
  return value === "" || HARMLESS_TEXT.test(value) ? `"${value}"` : "a text that is not shown";
}

function nameOfType(value: unknown): string {
  if (typeof value === "string") return "text";
  return typeof value === "boolean" ? "truth value" : "number";
}
