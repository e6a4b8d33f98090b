import type { SchemeTag, TagScheme } from "../schemes/scheme.ts";
import type { Platform } from "./platform.ts";

/** One tag of a source, as far as rules look at it. */
export interface SourceEntry {
  /** As read, before its digest's group had its say. */
  readonly parsed: SchemeTag;
  readonly digest: string | null;
  /** As described: an alias has its target's architecture. */
  readonly tag: SchemeTag;
  /** See `Runnable`. */
  readonly platforms: readonly Platform[] | null;
}

/** The tags of one source, as far as rules look at them. */
export interface SourceView<Entry extends SourceEntry> {
  readonly name: string;
  readonly scheme: Pick<TagScheme, "isSameVersion">;
  /** Those that have a place in the order stand in it, newest first; the others anywhere. */
  readonly entries: Iterable<Entry>;
  readonly byTag: { get(tag: string): Entry | undefined };
  /** Whether the digest of each tag costs a request: then a rule looks at a limited number of them. */
  readonly asksForDigests: boolean;
}
