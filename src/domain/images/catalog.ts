import type { SchemeTag } from "../schemes/scheme.ts";
import type { CatalogSource } from "../sets/catalog-source.ts";
import type { RuleOutcome } from "../sets/evaluate-rule.ts";
import type { Platform } from "../sets/platform.ts";
import type { EntryIndex } from "./entry-index.ts";
import type { Repository } from "./repository.ts";

/** One remote image without what the nodes add to it. */
export interface CatalogEntry {
  /** As described: aliases are resolved. */
  readonly tag: SchemeTag;
  /** As parsed, before the digest's group had its say. */
  readonly parsed: SchemeTag;
  readonly digest: string | null;
  /** Bytes by the registry's word, or null. */
  readonly registrySize: number | null;
  /** What it can run on, as the registry has it; null where that is not known. Empty for what is no image that runs. */
  readonly platforms: readonly Platform[] | null;
  readonly aliases: readonly string[];
  readonly aliasCount: number;
  readonly aliasTarget: string | null;
  readonly inPrepullSet: boolean;
  /** Name of its source. */
  readonly source: string;
  /** What stands before the tag in its reference: `registry/repository:`. */
  readonly prefix: string;
}

/** All remote images of one refresh, with the prepull set: what is known before any node is looked at. Immutable. */
export interface Catalog extends Repository {
  readonly source: CatalogSource;
  /** See `TagReader`. */
  readonly siblings: ReadonlySet<string>;
  /** What each of the source's rules wants, as of the refresh; the same objects as the previous catalog's where they are as they were. */
  readonly outcomes: readonly RuleOutcome<CatalogEntry>[];
  /** In display order after aliases are resolved. */
  readonly entries: readonly CatalogEntry[];
  /** Made in steps: a new snapshot must not stop for it. */
  readonly byTag: EntryIndex;
  /** The images of one digest, in the display order of their tags as parsed. */
  readonly groups: ReadonlyMap<string, readonly CatalogEntry[]>;
  /**
   * What lists show: architecture-specific images only where they are in the prepull set (docs/spec/images.md). In
   * display order.
   */
  readonly listed: readonly CatalogEntry[];
  /** The prepull set, in display order. */
  readonly prepullSet: readonly CatalogEntry[];
  /** Tags of the prepull set that the registry does not give out, each with the reason behind it, in parentheses (field case F8). */
  readonly withheld: readonly string[];
}
