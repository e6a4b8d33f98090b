import type { ConfigProblem } from "./config-error.ts";
import { labelValue } from "./kubernetes-rules.ts";
import { isGiven, listOf, mappingOf } from "./raw-data.ts";

const INTEGER = /^[+-]?\d{1,18}$/;

/** Which values belong to which operator (k8s.io/component-helpers, nodeaffinity): for `nodeExpressions` and those of sets. */
export function expressionProblems(expressions: unknown, path: string): readonly ConfigProblem[] {
  return listOf(expressions).flatMap((each, index) => {
    const { operator, values } = mappingOf(each);
    return valueProblems(operator, values, `${path}[${index}].values`);
  });
}

function valueProblems(operator: unknown, values: unknown, path: string): readonly ConfigProblem[] {
  if (isGiven(values) && !Array.isArray(values)) return [];
  const list = listOf(values);
  switch (operator) {
    case "In":
    case "NotIn":
      if (list.length === 0) return [{ path, message: `must have a value or more for ${operator}` }];
      return list.flatMap((value, index) =>
        typeof value === "string" && !labelValue.safeParse(value).success
          ? [{ path: `${path}[${index}]`, message: "must be what the value of a label can be" }]
          : [],
      );
    case "Exists":
    case "DoesNotExist":
      return list.length === 0 ? [] : [{ path, message: `must be left out for ${operator}` }];
    case "Gt":
    case "Lt": {
      if (list.length !== 1) return [{ path, message: `must have exactly one value for ${operator}` }];
      const isInteger = typeof list[0] === "string" && INTEGER.test(list[0]);
      return isInteger ? [] : [{ path: `${path}[0]`, message: `must be a whole number in quotes for ${operator}` }];
    }
    default:
      return [];
  }
}
