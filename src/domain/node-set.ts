/**
 * A set of nodes as bits over their slots in the node table: small enough that every digest of a large registry can
 * have one, and quick to compare with the set of nodes that an image belongs on. Words beyond the end are zero.
 */
export type NodeSet = Uint32Array;

/** No node at all. */
export const NO_NODES: NodeSet = new Uint32Array(0);

/** Whether the node in `slot` is in the set. */
export function hasNode(set: NodeSet, slot: number): boolean {
  return ((set[slot >>> 5] ?? 0) & (1 << (slot & 31))) !== 0;
}

/** The set with the node of `slot` put in or taken out, as a copy. */
export function withNode(set: NodeSet, slot: number, present: boolean): NodeSet {
  const copy = new Uint32Array(Math.max(set.length, (slot >>> 5) + 1));
  copy.set(set);
  setNode(copy, slot, present);
  return copy;
}

/** Puts the node of `slot` in or takes it out, in place; `slot` has to lie within the set's words. */
export function setNode(set: NodeSet, slot: number, present: boolean): void {
  const word = slot >>> 5;
  const bit = 1 << (slot & 31);
  set[word] = present ? (set[word] ?? 0) | bit : (set[word] ?? 0) & ~bit;
}

/** The nodes of `set` that are not in `others`, as a copy. */
export function withoutNodes(set: NodeSet, others: NodeSet): NodeSet {
  return set.map((word, at) => word & ~(others[at] ?? 0));
}

/** Whether every node of `needed` is in `set`. */
export function coversNodes(set: NodeSet, needed: NodeSet): boolean {
  for (let word = 0; word < needed.length; word++) {
    if (((needed[word] ?? 0) & ~(set[word] ?? 0)) !== 0) return false;
  }
  return true;
}

/** Whether the set has no node. */
export function isEmptySet(set: NodeSet): boolean {
  return set.every((word) => word === 0);
}

/** Whether two sets have the same nodes. */
export function sameNodes(a: NodeSet, b: NodeSet): boolean {
  return a === b || (coversNodes(a, b) && coversNodes(b, a));
}
