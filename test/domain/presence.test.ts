import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { hasNode } from "../../src/domain/nodes/node-set.ts";
import {
  changedDigests,
  editPresence,
  NO_PRESENCE,
  type PresenceIndex,
  presenceOf,
} from "../../src/domain/nodes/presence.ts";

const SLOTS = 70;
const DIGESTS = ["sha256:aa", "sha256:ab", "sha256:ba", "", "x"];

interface Edit {
  readonly digest: string;
  readonly slot: number;
  /** Null: the node is taken out. */
  readonly size: number | null;
}

const edits: fc.Arbitrary<readonly Edit[]> = fc.array(
  fc.record({
    digest: fc.constantFrom(...DIGESTS),
    slot: fc.nat({ max: SLOTS - 1 }),
    size: fc.option(fc.nat({ max: 3 }), { freq: 2 }),
  }),
  { maxLength: 12 },
);

/** Sizes by digest and slot. */
type Model = ReadonlyMap<string, ReadonlyMap<number, number>>;

function apply(index: PresenceIndex, model: Model, changes: readonly Edit[]): readonly [PresenceIndex, Model] {
  const editor = editPresence(index);
  const sizes = new Map([...model].map(([digest, bySlot]) => [digest, new Map(bySlot)]));
  for (const { digest, slot, size } of changes) {
    const bySlot = sizes.get(digest) ?? new Map<number, number>();
    const before = bySlot.get(slot);
    sizes.set(digest, bySlot);
    bySlot.delete(slot);
    const largest = () => {
      const sizeBytes = Math.max(0, ...bySlot.values());
      return { sizeBytes, largestOn: [...bySlot.values()].filter((each) => each === sizeBytes).length };
    };
    if (before !== undefined) editor.remove(digest, slot, before, largest);
    if (size === null) {
      if (before === undefined) editor.remove("not there", slot, 0, largest);
      continue;
    }
    editor.add(digest, slot, size);
    bySlot.set(slot, size);
    const { sizeBytes = 0, largestOn = 0 } = editor.get(digest) ?? {};
    assert.equal(sizeBytes, largest().sizeBytes);
    assert.ok(largestOn > 0 && largestOn <= largest().largestOn, "no node is counted twice");
  }
  return [editor.finish(), sizes];
}

function isSame(a: ReadonlyMap<number, number> = new Map(), b: ReadonlyMap<number, number> = new Map()): boolean {
  return a.size === b.size && [...a].every(([slot, size]) => b.get(slot) === size);
}

function check(index: PresenceIndex, model: Model): void {
  for (const digest of DIGESTS) {
    const bySlot = model.get(digest) ?? new Map<number, number>();
    const presence = presenceOf(index, digest);
    assert.equal(presence === null, bySlot.size === 0);
    if (presence === null) continue;
    assert.equal(presence.sizeBytes, Math.max(0, ...bySlot.values()));
    for (let slot = 0; slot < SLOTS; slot++) assert.equal(hasNode(presence.nodes, slot), bySlot.has(slot));
  }
}

test("an index knows where each digest is, and its largest size, and never changes itself", () => {
  fc.assert(
    fc.property(fc.array(edits, { maxLength: 8 }), (rounds) => {
      let current: readonly [PresenceIndex, Model] = [NO_PRESENCE, new Map()];
      const all = [current];
      for (const round of rounds) {
        current = apply(...current, round);
        all.push(current);
      }
      for (const [index, model] of all) check(index, model);
    }),
  );
});

test("every digest that differs between two indexes is among those reported, in both directions", () => {
  fc.assert(
    fc.property(edits, edits, edits, (first, left, right) => {
      const base = apply(NO_PRESENCE, new Map(), first);
      const [a, inA] = apply(...base, left);
      const [b, inB] = apply(...base, right);
      const told = new Set<string>();
      changedDigests(a, b, (digest) => told.add(digest));
      for (const digest of DIGESTS) {
        if (!isSame(inA.get(digest), inB.get(digest))) assert.ok(told.has(digest), digest);
      }
    }),
  );
});

test("an index to which nothing happened is the same one, and nothing differs from it", () => {
  assert.equal(editPresence(NO_PRESENCE).finish(), NO_PRESENCE);
  changedDigests(NO_PRESENCE, NO_PRESENCE, () => assert.fail("nothing differs"));
});

test("only digests that were touched are reported as changed", () => {
  const [base] = apply(NO_PRESENCE, new Map(), [
    { digest: "sha256:aa", slot: 1, size: 1 },
    { digest: "sha256:ab", slot: 1, size: 1 },
  ]);
  const editor = editPresence(base);
  editor.add("sha256:ab", 2, 1);
  const told: string[] = [];
  changedDigests(base, editor.finish(), (digest) => told.push(digest));
  assert.deepEqual(told, ["sha256:ab"]);
});

test("a size is asked for again only where the node that goes may have been the last one that reported it", () => {
  const editor = editPresence(NO_PRESENCE);
  editor.add("x", 1, 9);
  editor.add("x", 2, 4);
  editor.add("x", 3, 9);
  editor.add("x", 4, 4);
  editor.remove("x", 2, 4, () => assert.fail("the largest is another node's"));
  editor.remove("x", 1, 9, () => assert.fail("another node tells the same"));
  assert.equal(editor.get("x")?.sizeBytes, 9);
  editor.remove("x", 3, 9, (nodes) => ({ sizeBytes: hasNode(nodes, 4) ? 4 : 0, largestOn: 1 }));
  assert.equal(editor.get("x")?.sizeBytes, 4);
});
