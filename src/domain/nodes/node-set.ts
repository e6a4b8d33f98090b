/**
 * A set of nodes as bits over their slots in the node table: small enough that every digest of a large registry can have
 * one, and quick to compare with the set of nodes that an image belongs on. The bits are in chunks of 512 slots, 16
 * words of 32 each, which sets share as far as they are the same: while a large cluster changes, thousands of sets are
 * copied for one bit. Plain arrays, because a typed array of more than 64 bytes has its memory outside the heap, where
 * it costs more than all the rest. What lies beyond the end is empty.
 */
export type NodeSet = readonly NodeChunk[];

/** Written to only while the draft that made it is at work. */
type NodeChunk = number[];

const WORDS = 16;
const NO_CHUNK: NodeChunk = new Array<number>(WORDS).fill(0);

/** No node at all. */
export const NO_NODES: NodeSet = [];

/** A set that is being changed. */
export interface NodeSetDraft {
  readonly base: NodeSet;
  /** The set as it stands. */
  readonly nodes: NodeChunk[];
}

/** Starts from `base`, which is not changed. */
export function draftNodes(base: NodeSet): NodeSetDraft {
  return { base, nodes: base.slice() };
}

/** Puts the node of `slot` in or takes it out, in place. */
export function setNode({ base, nodes }: NodeSetDraft, slot: number, present: boolean): void {
  const at = slot >>> 9;
  while (nodes.length <= at) nodes.push(NO_CHUNK);
  const known = nodes[at] ?? NO_CHUNK;
  const isOwn = known !== base[at] && known !== NO_CHUNK;
  const chunk = isOwn ? known : known.slice();
  nodes[at] = chunk;
  const word = (slot >>> 5) & (WORDS - 1);
  const bit = 1 << (slot & 31);
  chunk[word] = present ? (chunk[word] ?? 0) | bit : (chunk[word] ?? 0) & ~bit;
}

/** Whether the node in `slot` is in the set. */
export function hasNode(set: NodeSet, slot: number): boolean {
  return ((set[slot >>> 9]?.[(slot >>> 5) & (WORDS - 1)] ?? 0) & (1 << (slot & 31))) !== 0;
}

/** The nodes of either set. */
export function eitherNodes(a: NodeSet, b: NodeSet): NodeSet {
  const [long, short] = a.length < b.length ? [b, a] : [a, b];
  return long.map((chunk, at) => {
    const other = short[at];
    return other === undefined || other === chunk ? chunk : chunk.map((word, of) => word | (other[of] ?? 0));
  });
}

/** The nodes of `set` that are not in `others`. */
export function withoutNodes(set: NodeSet, others: NodeSet): NodeSet {
  return set.map((chunk, at) => {
    const other = others[at];
    return other === undefined ? chunk : chunk.map((word, of) => word & ~(other[of] ?? 0));
  });
}

/** The nodes that are in both sets. */
export function bothNodes(a: NodeSet, b: NodeSet): NodeSet {
  return a.slice(0, b.length).map((chunk, at) => {
    const other = b[at];
    return other === undefined || other === chunk ? chunk : chunk.map((word, of) => word & (other[of] ?? 0));
  });
}

/** How many nodes the set has. */
export function countNodes(set: NodeSet): number {
  let count = 0;
  for (const chunk of set) {
    for (const word of chunk) {
      for (let rest = word; rest !== 0; rest &= rest - 1) count += 1;
    }
  }
  return count;
}

/** Whether every node of `needed` is in `set`. */
export function coversNodes(set: NodeSet, needed: NodeSet): boolean {
  return needed.every((chunk, at) => {
    const own = set[at] ?? NO_CHUNK;
    return own === chunk || chunk.every((word, of) => (word & ~(own[of] ?? 0)) === 0);
  });
}

/** Whether the set has no node. */
export function isEmptySet(set: NodeSet): boolean {
  return set.every((chunk) => chunk === NO_CHUNK || chunk.every((word) => word === 0));
}

/** Whether two sets have the same nodes. */
export function sameNodes(a: NodeSet, b: NodeSet): boolean {
  return a === b || (coversNodes(a, b) && coversNodes(b, a));
}
