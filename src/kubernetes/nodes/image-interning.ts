import { digestsInNames, type ReportedImage } from "../../domain/nodes/node-report.ts";
import { ownText } from "../../lib/bytes.ts";

/**
 * Shares equal image entries between nodes: a cluster repeats the same few hundred on thousands of nodes, so 5,000 nodes
 * of 50 images hold a few hundred objects instead of 250,000.
 */
export interface ImageInterning {
  /** The shared object of those labels that decide to which sets a node belongs. */
  internLabels(labels: Readonly<Record<string, unknown>>): Readonly<Record<string, string>>;
  /** The shared entry of an image with these names (`repository@digest`, `repository:tag`). */
  intern(names: readonly string[], sizeBytes: number): ReportedImage;
  /** Begins an epoch, for each full list: entries that are used neither in it nor in the one before are dropped. */
  nextEpoch(): void;
}

/** Distinct entries of one epoch; beyond it entries are not shared, and nothing is wrong. */
const MAX_ENTRIES = 20_000;

/**
 * Creates an interning.
 * @param labelKeys the labels that are kept of a node
 */
export function createImageInterning(
  maxEntries: number = MAX_ENTRIES,
  labelKeys: readonly string[] = [],
): ImageInterning {
  const labelSets = new Map<string, Readonly<Record<string, string>>>();
  let current = new Map<string, ReportedImage>();
  let previous = new Map<string, ReportedImage>();
  return {
    internLabels(labels) {
      const kept = labelKeys.flatMap((key): readonly (readonly [string, string])[] => {
        const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
        return typeof value === "string" ? [[key, ownText(value)]] : [];
      });
      const key = JSON.stringify(kept);
      const known = labelSets.get(key) ?? Object.fromEntries(kept);
      if (labelSets.size < maxEntries) labelSets.set(key, known);
      return known;
    },
    intern(names, sizeBytes) {
      // By the names as they came: digests that are taken out of them only to be let go cost more than the look-up. V8
      // learns from the first nodes that such lists live long, puts all of them where only a full collection looks, and
      // from there each keeps the text that it was cut out of: 100 MB a list of 5,000 nodes, and pauses of 20 ms.
      const key = `${sizeBytes} ${names.join(" ")}`;
      const known = current.get(key);
      if (known !== undefined) return known;
      const image = previous.get(key) ?? { digests: digestsInNames(names).map(ownText), sizeBytes };
      // A name with a space in it is no runtime's, and could stand for the names of another node's image.
      if (current.size < maxEntries && names.every((name) => !name.includes(" "))) current.set(key, image);
      return image;
    },
    nextEpoch() {
      previous = current;
      current = new Map();
    },
  };
}
