import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  coversNodes,
  hasNode,
  isEmptySet,
  NO_NODES,
  type NodeSet,
  sameNodes,
  setNode,
  withNode,
} from "../../src/domain/node-set.ts";

const slots = fc.array(fc.nat({ max: 200 }), { maxLength: 40 });

function setOf(members: readonly number[]): NodeSet {
  return members.reduce((set, slot) => withNode(set, slot, true), NO_NODES);
}

test("no node is in no set", () => {
  assert.ok(isEmptySet(NO_NODES));
  assert.ok(!hasNode(NO_NODES, 0));
  assert.ok(!hasNode(setOf([0]), 640));
});

test("a set has the nodes that were put in and not taken out, beyond one word and at its last bit too", () => {
  fc.assert(
    fc.property(slots, slots, (put, taken) => {
      const set = taken.reduce((left, slot) => withNode(left, slot, false), setOf([...put, 31, 63]));
      const model = new Set([...put, 31, 63].filter((slot) => !taken.includes(slot)));
      for (let slot = 0; slot < 260; slot++) assert.equal(hasNode(set, slot), model.has(slot), String(slot));
      assert.equal(isEmptySet(set), model.size === 0);
    }),
  );
});

test("putting a node in gives a copy, or changes the set in place where that is asked for", () => {
  const set = setOf([3]);
  withNode(set, 4, true);
  assert.ok(!hasNode(set, 4));
  setNode(set, 31, true);
  assert.ok(hasNode(set, 31));
  setNode(set, 3, false);
  assert.ok(!hasNode(set, 3));
});

test("covering and being the same are those of sets, whatever their lengths", () => {
  fc.assert(
    fc.property(slots, slots, fc.nat({ max: 400 }), (left, right, far) => {
      const a = setOf(left);
      const b = withNode(setOf(right), far, false);
      assert.equal(coversNodes(a, b), new Set(right).difference(new Set([...left, far])).size === 0);
      const same = new Set(left).symmetricDifference(new Set(right.filter((slot) => slot !== far))).size === 0;
      assert.equal(sameNodes(a, b), same);
      assert.ok(sameNodes(a, a));
    }),
  );
});
