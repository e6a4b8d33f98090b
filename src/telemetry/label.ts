/** How many values a label may take: the contract's methods and the protocols' codes stay far below. */
const MAX_VALUES = 64;

/** Returns the first values as they are and `other` for all further ones, so that the label's cardinality is bounded. */
export function boundedLabel(limit = MAX_VALUES): (value: string) => string {
  const known = new Set<string>();
  return (value) => {
    if (known.has(value)) return value;
    if (known.size >= limit) return "other";
    known.add(value);
    return value;
  };
}
