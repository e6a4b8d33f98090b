import { isGiven, listOf, mappingOf } from "../raw-data.ts";

type Data = Readonly<Record<string, unknown>>;

/** What an affinity of pods means for the choice of nodes. */
export interface NodeTerms {
  /** Lists of expressions of which all must match: nodes of any of the lists count. None: all nodes count. */
  readonly terms: readonly (readonly Data[])[];
  /** Paths of what has no counterpart, each with the reason. */
  readonly notes: readonly string[];
}

/** The terms of `lab.affinity` (core/v1 Affinity) that nodes must match. */
export function nodeTerms(affinity: unknown, path: string): NodeTerms {
  const notes: string[] = [];
  const { nodeAffinity, ...others } = mappingOf(affinity);
  for (const [key, value] of Object.entries(others)) {
    if (!isEmpty(value)) notes.push(`${path}.${key}: is about other pods, and not about nodes`);
  }
  const { requiredDuringSchedulingIgnoredDuringExecution: required, ...preferred } = mappingOf(nodeAffinity);
  for (const [key, value] of Object.entries(preferred)) {
    if (!isEmpty(value)) notes.push(`${path}.nodeAffinity.${key}: a preference excludes no node`);
  }
  const at = `${path}.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms`;
  const terms: (readonly Data[])[] = [];
  for (const [index, term] of listOf(mappingOf(required)["nodeSelectorTerms"]).entries()) {
    const { matchExpressions, matchFields } = mappingOf(term);
    const expressions = listOf(matchExpressions).map(expressionOf);
    if (!isEmpty(matchFields)) {
      notes.push(`${at}[${index}].matchFields: nodes are chosen by labels, and not by fields; this term is left out`);
    } else if (expressions.length === 0) notes.push(`${at}[${index}]: an empty term matches no node`);
    else terms.push(expressions);
  }
  return { terms, notes };
}

function expressionOf(expression: unknown): Data {
  const { values, ...rest } = mappingOf(expression);
  return isEmpty(values) ? rest : { ...rest, values: listOf(values).map(String) };
}

function isEmpty(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return !isGiven(value) || (typeof value === "object" && Object.keys(mappingOf(value)).length === 0);
}
