import type { NodeMissingImages } from "./answers.ts";
import { mergeCursor } from "./merge-cursor.ts";

/**
 * Whether some node lacks an image after the change that it did not lack before: then there is new work to pull. Both
 * answers are in the order of the nodes' names.
 */
export function addsToMissing(before: readonly NodeMissingImages[], after: readonly NodeMissingImages[]): boolean {
  if (before === after) return false;
  const find = mergeCursor(before, ({ node }) => node);
  return after.some((entry) => {
    const last = find(entry.node);
    if (last === entry) return false;
    const lacked = new Set(last?.images.map(({ digest }) => digest));
    return entry.images.some(({ digest }) => !lacked.has(digest));
  });
}
