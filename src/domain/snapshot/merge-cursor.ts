/**
 * Finds what belongs to each name in a list that stands in the order of the names, asked for in that order too and once
 * each: one walk along both, where an index by name would cost as much as what is looked for. Undefined where there is
 * nothing.
 */
export function mergeCursor<T>(list: readonly T[], nameOf: (one: T) => string): (name: string) => T | undefined {
  let at = 0;
  return (name) => {
    for (let next = list[at]; next !== undefined; next = list[++at]) {
      const own = nameOf(next);
      // Nearly always the very same string, which costs nothing to compare.
      if (own === name) {
        at += 1;
        return next;
      }
      if (own > name) return undefined;
    }
    return undefined;
  };
}
