import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { PullCandidate } from "../../../src/domain/prepull/policy.ts";
import { choosePulls, STARVATION_INTERVAL } from "../../../src/domain/prepull/pull-order.ts";

const arbitraryCandidate = fc.record({
  digest: fc.constantFrom("sha256:1", "sha256:2"),
  sizeBytes: fc.constant(1e9),
  isRetry: fc.boolean(),
  isFirst: fc.boolean(),
  rank: fc.nat(5),
  joinedEmptyAt: fc.nat(600_000),
  turns: fc.nat(9),
  waitingSince: fc.nat(99),
  tieBreaker: fc.double({ min: 0, max: 0.999, noNaN: true }),
});
const arbitraryCandidates = fc
  .array(arbitraryCandidate, { minLength: 1, maxLength: 30 })
  .map((all) => all.map((each, at): PullCandidate => ({ ...each, uid: `node-${at}` })));
const arbitraryFrees = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 });

test("whoever has w others waiting longer has a turn within 8 (w + 1) turns, whatever comes meanwhile", () => {
  fc.assert(
    fc.property(arbitraryCandidates, fc.nat(7), arbitraryFrees, (all, before, frees) => {
      const waiting = new Set(all);
      const [someone] = all;
      assert.ok(someone);
      const longer = all.filter((other) => other !== someone && other.waitingSince <= someone.waitingSince).length;
      let granted = before;
      for (let round = 0; waiting.has(someone); round++) {
        const free = frees[round % frees.length] ?? 1;
        // As urgent as can be, and each has come later.
        for (let at = 0; at < free; at++) {
          const place = { isRetry: false, isFirst: true, rank: 0, joinedEmptyAt: 9e9, waitingSince: 100 + round };
          waiting.add({ ...someone, ...place, uid: `new-${round}-${at}` });
        }
        const chosen = choosePulls(waiting, free, granted);
        assert.equal(chosen.length, free);
        for (const candidate of chosen) {
          granted += 1;
          waiting.delete(candidate);
          if (candidate === someone) return;
          assert.ok(granted - before < STARVATION_INTERVAL * (longer + 1));
        }
      }
    }),
  );
});

test("several turns at a time go to the same nodes as one by one", () => {
  fc.assert(
    fc.property(arbitraryCandidates, fc.nat(7), fc.nat(30), (all, before, free) => {
      const together = choosePulls(all, free, before);
      const left = new Set(all);
      const apart: PullCandidate[] = [];
      while (apart.length < free && left.size > 0) {
        const [next] = choosePulls(left, 1, before + apart.length);
        assert.ok(next);
        left.delete(next);
        apart.push(next);
      }
      assert.deepEqual(together, apart);
    }),
  );
});

test("new work goes before retries, the recommended image before others, new nodes before old, then the set's order", () => {
  const plain: Omit<PullCandidate, "uid"> = {
    digest: "sha256:1",
    sizeBytes: null,
    isRetry: false,
    isFirst: false,
    rank: 3,
    joinedEmptyAt: 0,
    turns: 1,
    waitingSince: 5,
    tieBreaker: 0.5,
  };
  const inOrder: readonly PullCandidate[] = [
    { ...plain, uid: "recommended", isFirst: true, turns: 9 },
    { ...plain, uid: "new node", joinedEmptyAt: 120_000, rank: 5 },
    { ...plain, uid: "earlier in the set", rank: 2 },
    { ...plain, uid: "fewer turns", turns: 0 },
    { ...plain, uid: "waits longer", waitingSince: 4 },
    { ...plain, uid: "tie breaker", tieBreaker: 0.1 },
    { ...plain, uid: "retry", isRetry: true, isFirst: true, joinedEmptyAt: 120_000, waitingSince: 9 },
  ];
  assert.deepEqual(choosePulls([...inOrder].reverse(), 7, 0), inOrder);
});
