/**
 * One tag as the registry tells it. A source that lists tags alone (any OCI registry) leaves digest and size null; a
 * source that lists images (Google Artifact Registry) fills them in.
 */
export interface RemoteTag {
  readonly tag: string;
  /** `algorithm:hex`, or null where the listing does not tell it. */
  readonly digest: string | null;
  /** Compressed size in bytes, or null where the source does not tell it (or tells zero). */
  readonly sizeBytes: number | null;
}
