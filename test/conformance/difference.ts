/** Where two JSON values first differ. */
export interface Difference {
  /** As one would write it in code: `expected.menu[0].name`. */
  readonly path: string;
  /** undefined where there is nothing. */
  readonly expected: unknown;
  readonly actual: unknown;
}

/** The first difference of two JSON values, or null where they are the same. The order of an object's keys is free. */
export function firstDifference(expected: unknown, actual: unknown, path = ""): Difference | null {
  if (Object.is(expected, actual)) return null;
  if (Array.isArray(expected) && Array.isArray(actual)) {
    const indices = Array.from({ length: Math.max(expected.length, actual.length) }, (_, index) => index);
    return firstOf(indices, (index) => firstDifference(expected[index], actual[index], `${path}[${index}]`));
  }
  if (isObject(expected) && isObject(actual)) {
    const keys = new Set([...Object.keys(expected), ...Object.keys(actual)]);
    return firstOf(keys, (key) => firstDifference(expected[key], actual[key], path === "" ? key : `${path}.${key}`));
  }
  return { path: path === "" ? "(all)" : path, expected, actual };
}

function firstOf<T>(items: Iterable<T>, compare: (item: T) => Difference | null): Difference | null {
  for (const item of items) {
    const difference = compare(item);
    if (difference !== null) return difference;
  }
  return null;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
