/** What one registry may cost: time in milliseconds, sizes in bytes. Every number has a default in `defaultLimits`. */
export interface RegistryLimits {
  /** One request, from asking for a connection to the last byte of the answer. */
  readonly requestTimeoutMs: number;
  /** One `listTags` or `resolveTags` with all its pages, retries and pauses. */
  readonly operationTimeoutMs: number;
  /** How often one request is tried in all. */
  readonly attempts: number;
  /** First pause between tries; doubled after each, half of it random. */
  readonly retryBaseMs: number;
  /** Longest such pause. */
  readonly retryMaxMs: number;
  /** Longest `Retry-After` that is waited for; a longer one fails at once, and so do later requests until it is over. */
  readonly maxRetryAfterMs: number;
  /** Longest time that a `Retry-After` keeps requests from a host, whatever it says (field case F14). */
  readonly maxHoldMs: number;
  /** Requests under way at one host at one time, and its connections. */
  readonly concurrency: number;
  /** Tags asked for per page; registries may give fewer. */
  readonly pageSize: number;
  readonly maxPages: number;
  readonly maxTags: number;
  /** One page of a listing, inflated. A registry that ignores the page size puts all its tags into one. */
  readonly maxPageBytes: number;
  /** All pages of a listing. */
  readonly maxListBytes: number;
  /** One manifest, inflated; 4 MiB is what the distribution specification asks registries to allow. */
  readonly maxManifestBytes: number;
  /** A token endpoint's answer. */
  readonly maxTokenBytes: number;
  /** Redirects inside the registry's own origin that one request follows. */
  readonly maxRedirects: number;
}

const MIB = 1_024 * 1_024;

/** Chosen so that 200,000 tags in pages of 50 still fit, and one sick registry cannot hurt the process. */
export const defaultLimits: RegistryLimits = {
  requestTimeoutMs: 30_000,
  operationTimeoutMs: 600_000,
  attempts: 4,
  retryBaseMs: 250,
  retryMaxMs: 10_000,
  maxRetryAfterMs: 60_000,
  maxHoldMs: 300_000,
  concurrency: 8,
  pageSize: 1_000,
  maxPages: 5_000,
  maxTags: 200_000,
  maxPageBytes: 64 * MIB,
  maxListBytes: 128 * MIB,
  maxManifestBytes: 4 * MIB,
  maxTokenBytes: MIB / 4,
  maxRedirects: 5,
};
