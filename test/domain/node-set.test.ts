import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  coversNodes,
  draftNodes,
  eitherNodes,
  hasNode,
  isEmptySet,
  NO_NODES,
  type NodeSet,
  sameNodes,
  setNode,
  withoutNodes,
} from "../../src/domain/nodes/node-set.ts";

const slots = fc.array(fc.nat({ max: 1_200 }), { maxLength: 40 });

function setOf(members: readonly number[]): NodeSet {
  return members.reduce((set, slot) => withNode(set, slot, true), NO_NODES);
}

/** The set with the node of `slot` added or removed, as a copy. */
function withNode(set: NodeSet, slot: number, present: boolean): NodeSet {
  const draft = draftNodes(set);
  setNode(draft, slot, present);
  return draft.nodes;
}

test("no node is in no set", () => {
  assert.ok(isEmptySet(NO_NODES));
  assert.ok(!hasNode(NO_NODES, 0));
  assert.ok(!hasNode(setOf([0]), 640));
});

test("a set has the nodes that were put in and not taken out, beyond one word and at its last bit too", () => {
  fc.assert(
    fc.property(slots, slots, (put, taken) => {
      const set = taken.reduce((left, slot) => withNode(left, slot, false), setOf([...put, 31, 63, 511, 512]));
      const model = new Set([...put, 31, 63, 511, 512].filter((slot) => !taken.includes(slot)));
      for (let slot = 0; slot < 1_260; slot++) assert.equal(hasNode(set, slot), model.has(slot), String(slot));
      assert.equal(isEmptySet(set), model.size === 0);
    }),
  );
});

test("putting a node in gives a copy, or changes a draft in place and never what it started from", () => {
  const set = setOf([3, 700]);
  withNode(set, 4, true);
  assert.ok(!hasNode(set, 4));
  const draft = draftNodes(set);
  for (const slot of [31, 511, 512, 1_600]) setNode(draft, slot, true);
  setNode(draft, 3, false);
  for (const slot of [31, 511, 512, 700, 1_600]) assert.ok(hasNode(draft.nodes, slot), String(slot));
  assert.ok(!hasNode(draft.nodes, 3));
  assert.ok(sameNodes(set, setOf([3, 700])));
  assert.ok(isEmptySet(NO_NODES) && isEmptySet(withNode(setOf([]), 1_600, false)));
});

test("either and without are those of sets, whatever their lengths", () => {
  fc.assert(
    fc.property(slots, slots, (left, right) => {
      const [a, b] = [new Set(left), new Set(right)];
      assert.ok(sameNodes(eitherNodes(setOf(left), setOf(right)), setOf([...a.union(b)])));
      assert.ok(sameNodes(withoutNodes(setOf(left), setOf(right)), setOf([...a.difference(b)])));
    }),
  );
});

test("covering and being the same are those of sets, whatever their lengths", () => {
  fc.assert(
    fc.property(slots, slots, fc.nat({ max: 1_600 }), (left, right, far) => {
      const a = setOf(left);
      const b = withNode(setOf(right), far, false);
      assert.equal(coversNodes(a, b), new Set(right).difference(new Set([...left, far])).size === 0);
      const same = new Set(left).symmetricDifference(new Set(right.filter((slot) => slot !== far))).size === 0;
      assert.equal(sameNodes(a, b), same);
      assert.ok(sameNodes(a, a));
    }),
  );
});
