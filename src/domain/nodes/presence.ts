import { draftNodes, hasNode, isEmptySet, NO_NODES, type NodeSet, type NodeSetDraft, setNode } from "./node-set.ts";

/** Where one digest is. */
export interface Presence {
  /** The nodes that have it, as slots of the node table. */
  readonly nodes: NodeSet;
  /** The largest size in bytes that a node reports for it; 0 where none does. */
  readonly sizeBytes: number;
  /** Number of nodes that report that size, or a larger one. */
  readonly largestOn: number;
}

/** The part of a presence that follows from what the nodes report. */
export type ReportedSize = Pick<Presence, "sizeBytes" | "largestOn">;

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
   * Takes the node out. `sizeOn` is asked for the largest size that the remaining nodes report, and only where the node
   * that goes may have been the last that reported it.
   */
  remove(digest: string, slot: number, sizeBytes: number, sizeOn: (nodes: NodeSet) => ReportedSize): void;
  finish(): PresenceIndex;
}

/** A presence while its editor is at work: once it is finished, nobody writes to it. */
interface Draft {
  readonly set: NodeSetDraft;
  readonly presence: Presence & { sizeBytes: number; largestOn: number };
}

const NOWHERE: Presence = { nodes: NO_NODES, sizeBytes: 0, largestOn: 0 };

/** Starts from `base`, which is not changed. */
export function editPresence(base: PresenceIndex): PresenceEditor {
  let buckets: Bucket[] | null = null;
  const ownBuckets = new Map<number, Map<string, Presence>>();
  // What this editor has made it may write to, so that 50,000 images on 1,000 nodes are a few hundred objects, not 50,000.
  const ownDrafts = new Map<string, Draft>();

  function ownBucket(digest: string): Map<string, Presence> {
    const at = bucketOf(digest);
    const own = ownBuckets.get(at);
    if (own !== undefined) return own;
    buckets ??= base.buckets.slice();
    const copy = new Map(buckets[at]);
    buckets[at] = copy;
    ownBuckets.set(at, copy);
    return copy;
  }

  function draftOf(bucket: Map<string, Presence>, digest: string): Draft {
    const own = ownDrafts.get(digest);
    if (own !== undefined) return own;
    const { nodes, sizeBytes, largestOn } = bucket.get(digest) ?? NOWHERE;
    const set = draftNodes(nodes);
    const draft = { set, presence: { nodes: set.nodes, sizeBytes, largestOn } };
    ownDrafts.set(digest, draft);
    bucket.set(digest, draft.presence);
    return draft;
  }

  return {
    get: (digest) => (buckets ?? base.buckets)[bucketOf(digest)]?.get(digest) ?? null,
    add(digest, slot, sizeBytes) {
      const bucket = ownBucket(digest);
      const { set, presence } = draftOf(bucket, digest);
      // A node that is there already may have been counted: so it is not counted again.
      if (sizeBytes === presence.sizeBytes && !hasNode(set.nodes, slot)) presence.largestOn += 1;
      if (sizeBytes > presence.sizeBytes) Object.assign(presence, { sizeBytes, largestOn: 1 });
      setNode(set, slot, true);
    },
    remove(digest, slot, sizeBytes, sizeOn) {
      const bucket = ownBucket(digest);
      if (!bucket.has(digest)) return;
      const { set, presence } = draftOf(bucket, digest);
      setNode(set, slot, false);
      if (isEmptySet(set.nodes)) {
        bucket.delete(digest);
        ownDrafts.delete(digest);
      } else if (sizeBytes >= presence.sizeBytes) {
        presence.largestOn -= 1;
        if (presence.largestOn <= 0) Object.assign(presence, sizeOn(set.nodes));
      }
    },
    finish: () => (buckets === null ? base : { buckets }),
  };
}
