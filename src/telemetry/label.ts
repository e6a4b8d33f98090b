/** How many values a label may take: the contract's methods and the protocols' codes stay far below. */
const MOST_VALUES = 64;

/** Lets the first values through as they are and calls any more of them `other`, so that a label cannot grow for ever. */
export function boundedLabel(limit = MOST_VALUES): (value: string) => string {
  const known = new Set<string>();
  return (value) => {
    if (known.has(value)) return value;
    if (known.size >= limit) return "other";
    known.add(value);
    return value;
  };
}
