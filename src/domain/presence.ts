import { isEmptySet, NO_NODES, type NodeSet, setNode, withNode } from "./node-set.ts";

/** Where one digest is. */
export interface Presence {
  /** The nodes that have it, as slots of the node table. */
  readonly nodes: NodeSet;
  /** The largest size in bytes that a node reports for it; 0 where none tells. */
  readonly sizeBytes: number;
}

type Bucket = ReadonlyMap<string, Presence>;

/**
 * Which digest is on which nodes: an immutable map that shares all but what changed with the one it was made from, so
 * that one node's change costs the same with 20 digests as with 200,000, and what changed between two indexes is
 * found without looking at the rest.
 */
export interface PresenceIndex {
  readonly buckets: readonly Bucket[];
}

const BUCKETS = 1024;
const EMPTY_BUCKET: Bucket = new Map();

/** An index without digests. */
export const NO_PRESENCE: PresenceIndex = { buckets: new Array<Bucket>(BUCKETS).fill(EMPTY_BUCKET) };

/** Digests are hexadecimal and evenly spread, so their last characters serve as the hash. */
function bucketOf(digest: string): number {
  const end = digest.length;
  const last = digest.charCodeAt(end - 1) | 0;
  const middle = digest.charCodeAt(end - 2) | 0;
  const first = digest.charCodeAt(end - 3) | 0;
  return ((first * 31 + middle) * 31 + last) & (BUCKETS - 1);
}

/** Where the digest is; null where no node has it. */
export function presenceOf(index: PresenceIndex, digest: string): Presence | null {
  return index.buckets[bucketOf(digest)]?.get(digest) ?? null;
}

/** Calls `visit` for every digest whose presence differs between the two indexes. */
export function changedDigests(before: PresenceIndex, after: PresenceIndex, visit: (digest: string) => void): void {
  if (before === after) return;
  for (let at = 0; at < BUCKETS; at++) {
    const old = before.buckets[at] ?? EMPTY_BUCKET;
    const now = after.buckets[at] ?? EMPTY_BUCKET;
    if (old === now) continue;
    for (const [digest, presence] of now) if (old.get(digest) !== presence) visit(digest);
    for (const digest of old.keys()) if (!now.has(digest)) visit(digest);
  }
}

/** Collects changes to an index; `finish` gives the new index, and the one it started from stays as it was. */
export interface PresenceEditor {
  get(digest: string): Presence | null;
  /** Puts the node in (with the size that it reports, 0 for none). */
  add(digest: string, slot: number, sizeBytes: number): void;
  /**
   * Takes the node out. `largestSize` is asked for the largest size that the remaining nodes report, and only where
   * the node that goes may have been the one that reported it.
   */
  remove(digest: string, slot: number, sizeBytes: number, largestSize: (nodes: NodeSet) => number): void;
  finish(): PresenceIndex;
}

/** Starts from `base`, which is not changed. */
export function editPresence(base: PresenceIndex): PresenceEditor {
  let buckets: Bucket[] | null = null;
  const ownBuckets = new Set<Map<string, Presence>>();
  const ownSets = new Set<NodeSet>();

  function ownBucket(digest: string): Map<string, Presence> {
    buckets ??= base.buckets.slice();
    const at = bucketOf(digest);
    const current = buckets[at] ?? EMPTY_BUCKET;
    if (ownBuckets.has(current as Map<string, Presence>)) return current as Map<string, Presence>;
    const copy = new Map(current);
    buckets[at] = copy;
    ownBuckets.add(copy);
    return copy;
  }

  function edited(nodes: NodeSet, slot: number, present: boolean): NodeSet {
    if (ownSets.has(nodes) && slot >>> 5 < nodes.length) {
      setNode(nodes, slot, present);
      return nodes;
    }
    const copy = withNode(nodes, slot, present);
    ownSets.delete(nodes);
    ownSets.add(copy);
    return copy;
  }

  return {
    get: (digest) => (buckets ?? base.buckets)[bucketOf(digest)]?.get(digest) ?? null,
    add(digest, slot, sizeBytes) {
      const bucket = ownBucket(digest);
      const before = bucket.get(digest);
      const nodes = edited(before?.nodes ?? NO_NODES, slot, true);
      bucket.set(digest, { nodes, sizeBytes: Math.max(before?.sizeBytes ?? 0, sizeBytes) });
    },
    remove(digest, slot, sizeBytes, largestSize) {
      const bucket = ownBucket(digest);
      const before = bucket.get(digest);
      if (before === undefined) return;
      const nodes = edited(before.nodes, slot, false);
      if (isEmptySet(nodes)) bucket.delete(digest);
      else
        bucket.set(digest, { nodes, sizeBytes: sizeBytes < before.sizeBytes ? before.sizeBytes : largestSize(nodes) });
    },
    finish: () => (buckets === null ? base : { buckets }),
  };
}
