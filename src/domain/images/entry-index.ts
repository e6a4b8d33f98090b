import type { CatalogEntry } from "./catalog.ts";

/** The entries of a catalog by tag. One map holds it, with a number for each tag: there may be 200,000. */
export class EntryIndex {
  readonly #entries: readonly CatalogEntry[];
  readonly #positions: ReadonlyMap<string, number>;

  /** `positions` is where each tag stands in `entries`. */
  constructor(entries: readonly CatalogEntry[], positions: ReadonlyMap<string, number>) {
    this.#entries = entries;
    this.#positions = positions;
  }

  has(tag: string): boolean {
    return this.#positions.has(tag);
  }

  get(tag: string): CatalogEntry | undefined {
    const position = this.#positions.get(tag);
    return position === undefined ? undefined : this.#entries[position];
  }

  /** Where this very entry stands; undefined where it is of another catalog. */
  positionOf(entry: CatalogEntry): number | undefined {
    const position = this.#positions.get(entry.tag.tag);
    return position !== undefined && this.#entries[position] === entry ? position : undefined;
  }
}
