import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { choosePulls, PATIENCE, type PullCandidate } from "../../src/domain/prepull/prepull-queue.ts";

function candidate(uid: string, changes: Partial<PullCandidate> = {}): PullCandidate {
  return { uid, isRetry: false, isRecommended: false, bareSince: 0, turns: 0, since: 0, lot: 0.5, ...changes };
}

test("new work goes before retries, then the recommended image, then the others of a bare node", () => {
  const queue = [
    candidate("retry", { isRetry: true, isRecommended: true, bareSince: 900_000 }),
    candidate("plain"),
    candidate("recommended", { isRecommended: true }),
    candidate("bare", { bareSince: 600_000 }),
    candidate("bare, recommended", { bareSince: 600_000, isRecommended: true }),
  ];
  assert.deepEqual(choosePulls(queue, 9, 0), ["bare, recommended", "bare", "recommended", "plain", "retry"]);
  assert.deepEqual(choosePulls(queue, 9, 1).slice(0, 2), ["bare, recommended", "recommended"]);
});

test("neither many new nodes nor a new recommended image keeps the other waiting", () => {
  const many = (name: string, changes: Partial<PullCandidate>) =>
    Array.from({ length: 40 }, (_, at) => candidate(`${name} ${at}`, { since: at, ...changes }));
  const queue = [...many("recommended", { isRecommended: true }), ...many("bare", { bareSince: 600_000 })];
  const chosen = choosePulls(queue, 2 * PATIENCE, 0);
  const recommended = chosen.filter((uid) => uid.startsWith("recommended")).length;
  assert.ok(recommended >= PATIENCE, "the recommended image has at least half of the turns");
  assert.ok(chosen.length - recommended >= PATIENCE / 2, "new nodes have at least a quarter");
});

test("among equals the node with fewer turns goes first, then who has waited longer, then the lot decides", () => {
  const queue = [
    candidate("late lot", { since: 1, lot: 0.9 }),
    candidate("early lot", { since: 1, lot: 0.1 }),
    candidate("waited", { since: 0, lot: 0.9 }),
    candidate("had a turn", { turns: 1 }),
  ];
  assert.deepEqual(choosePulls(queue, 4, 0), ["waited", "early lot", "late lot", "had a turn"]);
});

test("nodes that came bare within the same minute are equals; the newest minute goes first", () => {
  const queue = [
    candidate("first", { bareSince: 60_000, turns: 1 }),
    candidate("same minute", { bareSince: 119_000 }),
    candidate("newer", { bareSince: 120_000, turns: 5 }),
  ];
  assert.deepEqual(choosePulls(queue, 3, 0), ["newer", "same minute", "first"]);
});

test("each eighth turn goes to whoever has waited longest", () => {
  const queue = [candidate("patient", { isRetry: true, since: 0 }), candidate("urgent", { since: 5 })];
  assert.deepEqual(choosePulls(queue, 1, PATIENCE - 2), ["urgent"]);
  assert.deepEqual(choosePulls(queue, 1, PATIENCE - 1), ["patient"]);
});

const candidates = fc.uniqueArray(
  fc.record({
    uid: fc.string({ minLength: 1 }),
    isRetry: fc.boolean(),
    isRecommended: fc.boolean(),
    bareSince: fc.integer({ min: 0, max: 600_000 }),
    turns: fc.integer({ min: 0, max: 6 }),
    since: fc.integer({ min: 0, max: 1_000 }),
    lot: fc.double({ min: 0, max: 1, noNaN: true }),
  }),
  { selector: ({ uid }) => uid, maxLength: 30 },
);

test("as many as are free are chosen, each once, and one at a time gives the same as all at once", () => {
  fc.assert(
    fc.property(candidates, fc.integer({ min: -2, max: 40 }), fc.nat(20), (queue, free, granted) => {
      const chosen = choosePulls(queue, free, granted);
      assert.equal(chosen.length, Math.max(0, Math.min(free, queue.length)));
      assert.equal(new Set(chosen).size, chosen.length);
      let left = queue;
      for (const [at, uid] of chosen.entries()) {
        assert.deepEqual(choosePulls(left, 1, granted + at), [uid]);
        left = left.filter((one) => one.uid !== uid);
      }
    }),
  );
});

test("whoever waits is served, however much urgent work keeps coming", () => {
  const patient = candidate("patient", { isRetry: true, since: 0 });
  let turns = 0;
  for (; turns < 100; turns++) {
    const urgent = candidate(`urgent ${turns}`, { isRecommended: true, since: turns + 1 });
    if (choosePulls([patient, urgent], 1, turns)[0] === "patient") break;
  }
  assert.ok(turns < PATIENCE);
});
