import type { ReportedImage } from "../domain/node-report.ts";

/**
 * Shares equal image entries between nodes: a cluster repeats the same few hundred on thousands of nodes, so 5,000 nodes
 * of 50 images hold a few hundred objects instead of 250,000.
 */
export interface ImageInterning {
  /** The shared entry that equals this one. */
  share(digests: readonly string[], sizeBytes: number): ReportedImage;
  /** Begins a new lifetime: what is not asked for in it, nor in the one before, is let go. For each full list. */
  renew(): void;
}

/** Distinct entries that one lifetime holds; beyond it entries are not shared, and nothing is wrong. */
const MAX_ENTRIES = 20_000;

/** An interning with nothing in it. */
export function createImageInterning(maxEntries = MAX_ENTRIES): ImageInterning {
  let current = new Map<string, ReportedImage>();
  let previous = new Map<string, ReportedImage>();
  return {
    share(digests, sizeBytes) {
      const key = `${sizeBytes} ${digests.join(" ")}`;
      const known = current.get(key);
      if (known !== undefined) return known;
      const image = previous.get(key) ?? { digests, sizeBytes };
      if (current.size < maxEntries) current.set(key, image);
      return image;
    },
    renew() {
      previous = current;
      current = new Map();
    },
  };
}
