import { DEFAULT_NAME } from "../domain/long-form.ts";
import { createScheme } from "../domain/schemes/create-scheme.ts";
import { createRubinScheme } from "../domain/schemes/rubin.ts";
import type { TagScheme } from "../domain/schemes/scheme.ts";
import { SchemeError } from "../domain/schemes/scheme-error.ts";
import type { TagPattern } from "../domain/schemes/tag-pattern.ts";
import type { ConfigProblem } from "./config-error.ts";
import { expressionProblems } from "./expression-checks.ts";
import { isGiven, listOf, mappingOf } from "./raw-data.ts";
import { type CheckedSource, ruleProblems } from "./rule-checks.ts";
import { tags } from "./source-schema.ts";
import { compilePattern } from "./tag-pattern.ts";
import { toScheme } from "./to-settings.ts";

const MAX_RULES = 256;

/**
 * What is wrong between the keys of a configuration, in data of which single keys may be wrong too: names given twice, rules
 * that their source's scheme cannot serve, values that an operator does not take.
 */
export function setProblems(data: Readonly<Record<string, unknown>>): readonly ConfigProblem[] {
  const hasImages = isGiven(data["images"]);
  const sources = listOf(data["sources"]);
  const sets = listOf(data["sets"]);
  const problems: ConfigProblem[] = [];
  if (!hasImages && sources.length === 0 && !isWrongList(data["sources"]))
    problems.push({ path: "sources", message: "must have a source, where there is no images" });
  problems.push(...nameProblems(sources, "sources", hasImages), ...nameProblems(sets, "sets", hasImages));
  problems.push(...expressionProblems(data["nodeExpressions"], "nodeExpressions"));
  const checked = checkedSources(sources, hasImages);
  for (const [index, set] of sets.entries()) {
    const { nodes, images, order } = mappingOf(set);
    const path = `sets[${index}]`;
    problems.push(...expressionProblems(mappingOf(nodes)["expressions"], `${path}.nodes.expressions`));
    for (const [at, rule] of listOf(images).entries())
      problems.push(...ruleProblems(rule, checked, `${path}.images[${at}]`));
    if (order === "display" && !isOfOneRubinSource(listOf(images), checked))
      problems.push({
        path: `${path}.order`,
        message: "must be rules, unless all rules are on one source with the scheme rubin",
      });
  }
  const rules = sets.reduce<number>((sum, set) => sum + listOf(mappingOf(set)["images"]).length, 0);
  if (rules > MAX_RULES) problems.push({ path: "sets", message: `must have at most ${MAX_RULES} rules together` });
  return problems;
}

function isWrongList(value: unknown): boolean {
  return isGiven(value) && !Array.isArray(value);
}

function nameProblems(list: readonly unknown[], path: string, isDefaultTaken: boolean): readonly ConfigProblem[] {
  const taken = new Set<unknown>(isDefaultTaken ? [DEFAULT_NAME] : []);
  return list.flatMap((each, index) => {
    const { name } = mappingOf(each);
    if (!isGiven(name)) return [];
    const isTaken = taken.has(name);
    taken.add(name);
    const why = isDefaultTaken && name === DEFAULT_NAME ? "images has the name default" : "this name is given twice";
    return isTaken ? [{ path: `${path}[${index}].name`, message: `must be another name: ${why}` }] : [];
  });
}

function checkedSources(sources: readonly unknown[], hasImages: boolean): ReadonlyMap<string, CheckedSource> {
  const checked = new Map<string, CheckedSource>();
  if (hasImages) checked.set(DEFAULT_NAME, { scheme: createRubinScheme(null), isIgnored: () => false });
  for (const source of sources) {
    const raw = mappingOf(source);
    const name = raw["name"];
    if (typeof name !== "string" || checked.has(name)) continue;
    const ignore = listOf(mappingOf(raw["tags"])["ignore"]).flatMap(compiled);
    checked.set(name, { scheme: schemeOf(raw["tags"]), isIgnored: (tag) => ignore.some((each) => each.matches(tag)) });
  }
  return checked;
}

function schemeOf(raw: unknown): TagScheme | null {
  // Its wrong lists of patterns have nothing to do with the scheme.
  const result = tags.safeParse({ ...mappingOf(raw), ignore: [], aliases: [] });
  return result.success ? createScheme(toScheme(result.data), compilePattern) : null;
}

function compiled(pattern: unknown): readonly TagPattern[] {
  if (typeof pattern !== "string") return [];
  try {
    return [compilePattern(pattern)];
  } catch (error) {
    if (error instanceof SchemeError) return [];
    throw error;
  }
}

function isOfOneRubinSource(rules: readonly unknown[], sources: ReadonlyMap<string, CheckedSource>): boolean {
  const names = new Set(rules.map((rule) => String(mappingOf(rule)["source"])));
  return names.size === 1 && [...names].every((name) => sources.get(name)?.scheme?.name === "rubin");
}
