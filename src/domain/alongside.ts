/**
 * Finds what belongs to each name in a list that stands in the order of the names, asked for in that order too: one walk
 * along both, where an index by name would cost as much as what is looked for. Undefined where there is nothing.
 */
export function alongside<T>(list: readonly T[], nameOf: (one: T) => string): (name: string) => T | undefined {
  let at = 0;
  return (name) => {
    let next = list[at];
    while (next !== undefined && nameOf(next) < name) next = list[++at];
    return next !== undefined && nameOf(next) === name ? next : undefined;
  };
}
