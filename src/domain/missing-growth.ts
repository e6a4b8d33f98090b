import type { NodeMissingImages } from "./answers.ts";

/** Whether some node lacks an image after the change that it did not lack before: then there is new work to pull. */
export function addsToMissing(before: readonly NodeMissingImages[], after: readonly NodeMissingImages[]): boolean {
  if (before === after) return false;
  const earlier = new Map(before.map((entry) => [entry.node, entry]));
  return after.some((entry) => {
    const last = earlier.get(entry.node);
    if (last === entry) return false;
    const lacked = new Set(last?.images.map(({ digest }) => digest));
    return entry.images.some(({ digest }) => !lacked.has(digest));
  });
}
