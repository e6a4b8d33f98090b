import { type ApiObject, isJsonObject } from "./kubernetes-objects.ts";
import { badRequest } from "./kubernetes-status.ts";

/** Whether an object is among those that a list or a watch asked for. */
export type ObjectFilter = (object: ApiObject) => boolean;

type LabelTest = (labels: Readonly<Record<string, string>>) => boolean;

/**
 * The filter of the query parameters `labelSelector` and `fieldSelector`. Labels: `=`, `==`, `!=`, `in`, `notin`, a bare
 * key, `!key`. Fields: `metadata.name`, `metadata.namespace`, for pods `spec.nodeName` and `status.phase`, for
 * events `involvedObject.uid`.
 */
export function objectFilter(labelSelector: string, fieldSelector: string): ObjectFilter {
  const labelTests = splitTerms(labelSelector).map(labelTest);
  const fieldTests = splitTerms(fieldSelector).map(fieldTest);
  return (object) => {
    const labels = object.metadata.labels ?? {};
    return labelTests.every((test) => test(labels)) && fieldTests.every((test) => test(object));
  };
}

/** Terms are separated by commas, but not by those between parentheses. */
function splitTerms(selector: string): string[] {
  return selector
    .split(/,(?![^(]*\))/)
    .map((term) => term.trim())
    .filter((term) => term !== "");
}

function labelTest(term: string): LabelTest {
  const set = /^(\S+)\s+(in|notin)\s*\(([^)]*)\)$/.exec(term);
  if (set !== null) {
    const [, key = "", operator, list = ""] = set;
    const values = list.split(",").map((value) => value.trim());
    if (operator === "in") return (labels) => values.includes(labels[key] ?? "\0");
    return (labels) => !values.includes(labels[key] ?? "\0");
  }
  const equality = /^([^\s!=]+)\s*(==|=|!=)\s*(\S*)$/.exec(term);
  if (equality !== null) {
    const [, key = "", operator, value = ""] = equality;
    return operator === "!=" ? (labels) => labels[key] !== value : (labels) => labels[key] === value;
  }
  const existence = /^(!?)([^\s!=()]+)$/.exec(term);
  if (existence === null) throw badRequest(`unable to parse requirement: ${term}`);
  const [, not, key = ""] = existence;
  return not === "!" ? (labels) => !Object.hasOwn(labels, key) : (labels) => Object.hasOwn(labels, key);
}

function fieldTest(term: string): ObjectFilter {
  const match = /^([^\s!=]+)\s*(==|=|!=)\s*(\S*)$/.exec(term);
  if (match === null) throw badRequest(`invalid selector: '${term}'; can't understand '${term}'`);
  const [, field = "", operator, value = ""] = match;
  const read = fieldReader(field);
  return operator === "!=" ? (object) => read(object) !== value : (object) => read(object) === value;
}

function fieldReader(field: string): (object: ApiObject) => string {
  switch (field) {
    case "metadata.name":
      return (object) => object.metadata.name;
    case "metadata.namespace":
      return (object) => object.metadata.namespace ?? "";
    case "spec.nodeName":
      return (object) => String(object.spec?.["nodeName"] ?? "");
    case "status.phase":
      return (object) => String(object.status?.["phase"] ?? "");
    case "involvedObject.uid":
      return ({ involvedObject }) => (isJsonObject(involvedObject) ? String(involvedObject["uid"] ?? "") : "");
    default:
      throw badRequest(`field label not supported: ${field}`);
  }
}
