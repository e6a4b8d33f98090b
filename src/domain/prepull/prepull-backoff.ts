/** How long a pull that has failed waits before it is tried again, milliseconds. */
export interface PullBackoff {
  /** After the first failure; doubled with each further one in a row. */
  readonly first: number;
  readonly longest: number;
}

/** The kubelet's own numbers for images (10 s, doubled up to 300 s): to come back sooner only meets its back-off. */
export const PULL_BACKOFF: PullBackoff = { first: 10_000, longest: 300_000 };

/**
 * The delay after `failures` failures in a row (at least one) of one image on one node: exponential, with jitter of up to
 * a half, so that nodes that failed together do not come back together. `random` is uniform in [0, 1).
 */
export function pullBackoff({ first, longest }: PullBackoff, failures: number, random: number): number {
  return Math.min(first * 2 ** Math.min(failures - 1, 32), longest) * (0.5 + random / 2);
}
