import type { PullFailureClass } from "./failure-table.ts";

/**
 * Nodes on which the registry has failed since the last success there. Whether it is the registry's fault or the node's
 * shows by the others: a registry that fails, fails on many nodes.
 */
export interface Suspects {
  /** By uid. */
  readonly nodes: ReadonlyMap<string, Suspect>;
  /** Successes so far, on any node. */
  readonly successes: number;
}

interface Suspect {
  /** In a row. */
  readonly failures: number;
  /** Successes before the first of them. */
  readonly successesBefore: number;
  /** When the last of them was, monotonic milliseconds. */
  readonly failedAt: number;
}

const REGISTRY_CLASSES: ReadonlySet<PullFailureClass> = new Set([
  "registry-rate-limited",
  "registry-unavailable",
  "network",
]);
/** Failures in a row, and successes elsewhere for each node that fails, that prove a node's own fault. */
const MIN_FAILURES = 3;
const MIN_SUCCESSES_PER_SUSPECT = 8;
/** A node that is still there has been tried again by then; one that has left must not be remembered. */
const FORGOTTEN_AFTER_MS = 30 * 60_000;

/** No node has failed. */
export const NO_SUSPECTS: Suspects = { nodes: new Map(), successes: 0 };

/** Whether such a failure is likely one of the registry: a 429, a 5xx, or no connection. */
export function isOfRegistry(failureClass: PullFailureClass): boolean {
  return REGISTRY_CLASSES.has(failureClass);
}

/** Whether the registry serves all others, so that what fails on this node is the node's own fault. */
export function isOwnFault({ nodes, successes }: Suspects, uid: string): boolean {
  const suspect = nodes.get(uid);
  if (suspect === undefined || suspect.failures < MIN_FAILURES) return false;
  return successes - suspect.successesBefore >= MIN_SUCCESSES_PER_SUSPECT * nodes.size;
}

/** The suspects after the registry has failed on this node. */
export function suspectsAfterFailure({ nodes, successes }: Suspects, uid: string, now: number): Suspects {
  const { failures, successesBefore } = nodes.get(uid) ?? { failures: 0, successesBefore: successes };
  const known = [...nodes].filter(([, { failedAt }]) => now - failedAt < FORGOTTEN_AFTER_MS);
  return { nodes: new Map(known).set(uid, { failures: failures + 1, successesBefore, failedAt: now }), successes };
}

/** The suspects after a pull has succeeded on this node. */
export function suspectsAfterSuccess({ nodes, successes }: Suspects, uid: string): Suspects {
  if (!nodes.has(uid)) return { nodes, successes: successes + 1 };
  const next = new Map(nodes);
  next.delete(uid);
  return { nodes: next, successes: successes + 1 };
}
