import type { Platform } from "../sets/platform.ts";

/**
 * One tag as the registry lists it. A source that lists tags alone (any OCI registry) leaves digest and size null; a
 * source that lists images (Google Artifact Registry) fills them in.
 */
export interface RemoteTag {
  readonly tag: string;
  /** `algorithm:hex`, or null where the registry does not report it. */
  readonly digest: string | null;
  /** Compressed size in bytes, or null where the source does not report it (or reports zero). */
  readonly sizeBytes: number | null;
  /** When the tag was pushed, milliseconds since the epoch; absent or null where the registry does not report it. */
  readonly pushedAt?: number | null;
  /** What the image can run on (see `knownPlatforms`); absent or null where that is not known. */
  readonly platforms?: readonly Platform[] | null;
  /**
   * Why the registry does not give this one tag out, as in "answers 412"; absent where it does. The digest then is the
   * last known one, or null.
   */
  readonly fault?: string;
}
