/** Work in steps of a few milliseconds: after each `next` whoever drives it can give others a turn. */
export type CooperativeTask<T> = Generator<undefined, T, undefined>;

/** How many items of a list one step takes. */
export const STEP_SIZE = 128;

/** Does the whole of a cooperative task at once. */
export function runToCompletion<T>(task: CooperativeTask<T>): T {
  for (;;) {
    const step = task.next();
    if (step.done) return step.value;
  }
}

/** Items that are sorted in one step; the whole takes about as long as the engine's own sort. */
const RUN_SIZE = 1_024;

/** The items in order, as `Array.prototype.toSorted` has them. Runs of them are sorted, and merged two by two. */
export function* sortCooperatively<T>(
  items: readonly T[],
  compare: (a: T, b: T) => number,
): CooperativeTask<readonly T[]> {
  let runs: (readonly T[])[] = [];
  for (let from = 0; from < items.length; from += RUN_SIZE) {
    runs.push(items.slice(from, from + RUN_SIZE).sort(compare));
    yield;
  }
  while (runs.length > 1) {
    const merged: (readonly T[])[] = [];
    for (let at = 0; at < runs.length; at += 2)
      merged.push(yield* mergeCooperatively(runs[at] ?? [], runs[at + 1] ?? [], compare));
    runs = merged;
  }
  return runs[0] ?? [];
}

/** Two lists that are in order as one; of equal items those of `left` come first. */
export function* mergeCooperatively<T>(
  left: readonly T[],
  right: readonly T[],
  compare: (a: T, b: T) => number,
): CooperativeTask<readonly T[]> {
  if (right.length === 0) return left;
  const merged: T[] = [];
  const others = right.values();
  let other = others.next();
  for (const one of left) {
    for (; !other.done && compare(other.value, one) < 0; other = others.next()) {
      if (merged.push(other.value) % RUN_SIZE === 0) yield;
    }
    if (merged.push(one) % RUN_SIZE === 0) yield;
  }
  for (; !other.done; other = others.next()) {
    if (merged.push(other.value) % RUN_SIZE === 0) yield;
  }
  return merged;
}
