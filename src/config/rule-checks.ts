import { parseRange } from "../domain/schemes/range.ts";
import type { SchemeAbilities, TagScheme } from "../domain/schemes/scheme.ts";
import { isRunnableTag } from "../domain/tags/tag-parse.ts";
import type { ConfigProblem } from "./config-error.ts";
import { isGiven, listOf, mappingOf } from "./raw-data.ts";

/** What a rule is checked against. */
export interface CheckedSource {
  /** Null where the source's own keys are wrong: what needs the scheme is not checked then. */
  readonly scheme: TagScheme | null;
  isIgnored(tag: string): boolean;
}

const KINDS = ["alias", "pin", "newest"] as const;
const WITH_NEWEST = ["class", "range", "within", "since", "variant", "newestPer"] as const;

/**
 * Which keys of a rule go together, and with its source (docs/spec/sets.md, Rules).
 * @param sources by name
 */
export function ruleProblems(
  rule: unknown,
  sources: ReadonlyMap<string, CheckedSource>,
  path: string,
): readonly ConfigProblem[] {
  const raw = mappingOf(rule);
  const problems: ConfigProblem[] = [];
  const refuse = (key: string, message: string) =>
    problems.push({ path: key === "" ? path : `${path}.${key}`, message });
  const kinds = KINDS.filter((kind) => isGiven(raw[kind]));
  if (kinds.length !== 1) refuse("", `must have exactly one of ${KINDS.join(", ")}`);
  if (isGiven(raw["within"]) && isGiven(raw["since"])) refuse("since", "must not stand beside within");
  if (kinds.length === 1 && kinds[0] !== "newest") {
    for (const key of WITH_NEWEST) if (isGiven(raw[key])) refuse(key, "goes with newest only");
  }
  const source = typeof raw["source"] === "string" ? sources.get(raw["source"]) : undefined;
  if (typeof raw["source"] === "string" && source === undefined) refuse("source", "must be the name of a source");
  if (source === undefined) return problems;
  for (const { key, tag } of namedTags(raw)) {
    const problem = tagProblem(tag, source);
    if (problem !== null) refuse(key, problem);
  }
  if (source.scheme !== null && kinds.includes("newest")) {
    for (const { key, message } of newestProblems(raw, source.scheme)) refuse(key, message);
  }
  return problems;
}

/** The tags that a rule names, each with its key. */
function namedTags(raw: Readonly<Record<string, unknown>>): readonly { readonly key: string; readonly tag: string }[] {
  const pins = listOf(raw["pin"]).map((tag, index) => ({ key: `pin[${index}]`, tag }));
  return [{ key: "alias", tag: raw["alias"] }, ...pins].flatMap(({ key, tag }) =>
    typeof tag === "string" ? [{ key, tag }] : [],
  );
}

function tagProblem(tag: string, { isIgnored }: CheckedSource): string | null {
  if (isIgnored(tag)) return "is a tag that the source ignores";
  return isRunnableTag(tag) ? null : "is the tag of a signature or attestation, and no image";
}

interface KeyProblem {
  readonly key: string;
  readonly message: string;
}

/** What the scheme, or the class, cannot do. */
function newestProblems(raw: Readonly<Record<string, unknown>>, scheme: TagScheme): readonly KeyProblem[] {
  const { class: ofClass, range, newestPer } = raw;
  const classProblem = problemOfClass(ofClass, scheme);
  const known = classProblem === null && typeof ofClass === "string" ? ofClass : null;
  const can = scheme.abilities(known);
  const what = `${scheme.name} tags${known === null ? "" : ` of class ${known}`}`;
  const lacks = (key: string, ability: keyof SchemeAbilities, name: string): readonly KeyProblem[] =>
    isGiven(raw[key]) && !can[ability] ? [{ key, message: `needs ${name}, which ${what} ${reason(scheme)}` }] : [];
  const problems = [
    ...(classProblem === null ? [] : [{ key: "class", message: classProblem }]),
    ...lacks("newest", "order", "an order"),
    ...lacks("range", "major", "a major number"),
    ...lacks("within", "date", "dates"),
    ...lacks("since", "date", "dates"),
    ...lacks("variant", "variant", "variants"),
  ];
  if (newestPer === "major" || newestPer === "minor" || newestPer === "variant")
    problems.push(...lacks("newestPer", newestPer, newestPer === "variant" ? "variants" : `a ${newestPer} number`));
  if (typeof range === "string" && parseRange(range) === null)
    problems.push({
      key: "range",
      message: "must be a range of versions as npm has them, such as ^4.2.0 or 3.x || >=5.0.0-0",
    });
  return problems;
}

function problemOfClass(ofClass: unknown, { name, classes, needsClass }: TagScheme): string | null {
  if (!isGiven(ofClass))
    return needsClass ? `must be one of ${(classes ?? []).join(", ")}: ${name} orders tags inside a class` : null;
  if (ofClass === "alias" || ofClass === "other")
    return "must be another class: aliases and other tags are in no order";
  if (classes === null || (typeof ofClass === "string" && classes.includes(ofClass))) return null;
  return classes.length === 0 ? `must be left out: ${name} has no classes` : `must be one of ${classes.join(", ")}`;
}

/** Why a scheme may lack what another one has. */
function reason({ name }: TagScheme): string {
  if (name === "regex") return "have only with such a group in the pattern";
  if (name === "opaque") return "have at most by order: pushed";
  return name === "calver" ? "have only with such a word in the format" : "do not have";
}
