import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createPolicy } from "../../../src/domain/prepull/adaptive-policy.ts";
import type { PullCandidate, PullEnd, PullKey } from "../../../src/domain/prepull/policy.ts";
import { PULL_BACKOFF } from "../../../src/domain/prepull/prepull-backoff.ts";
import { arrivalsOf } from "../../bench/prepull-policy/arrivals.ts";
import { startRulesPolicy } from "../../bench/prepull-policy/rules-policy.ts";
import { ROW_11, scenario } from "../../bench/prepull-policy/scenario.ts";
import { virtualClock } from "../../bench/prepull-policy/virtual-clock.ts";
import { createWire } from "../../bench/prepull-policy/wire.ts";

const NODES = 60;
const ends: readonly PullEnd[] = [
  { kind: "succeeded" },
  { kind: "failed", failureClass: "timeout" },
  { kind: "failed", failureClass: "network" },
  { kind: "failed", failureClass: "registry-rate-limited" },
  { kind: "failed", failureClass: "disk-full" },
  { kind: "withdrawn" },
  { kind: "detached" },
];
const arbitraryStep = fc.record({
  waitMs: fc.oneof(fc.constant(0), fc.nat(60_000), fc.nat(900_000)),
  what: fc.constantFrom("start", "start", "end", "end", "end", "give up", "review"),
  which: fc.nat(NODES),
  end: fc.oneof(fc.constant<PullEnd>({ kind: "succeeded" }), fc.constantFrom(...ends)),
  isFirst: fc.boolean(),
});

test("no pull takes a slot at or above the limit, at most that many are lent, and the limit stays in its bounds", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 120 }),
      fc.boolean(),
      fc.array(arbitraryStep, { maxLength: 150 }),
      (max, isAdaptive, steps) => {
        let policy = createPolicy({
          maxConcurrentPulls: max,
          isAdaptive,
          pullTimeout: 600_000,
          backoff: PULL_BACKOFF,
        });
        const pulls = new Map<string, PullKey>();
        let now = 0;
        for (const { waitMs, what, which, end, isFirst } of steps) {
          now += waitMs;
          const someone = [...pulls.values()][which % Math.max(1, pulls.size)];
          if (what === "start") {
            const idle = Array.from({ length: NODES }, (_, at) => `node-${at}`).filter((uid) => !pulls.has(uid));
            for (const start of policy.next(
              idle.map((uid) => candidateOf(uid, isFirst)),
              NODES,
              now,
            )) {
              const { uid, digest } = start.candidate;
              if (start.isLent) assert.ok(policy.lentPulls < policy.limit(now));
              else assert.ok(policy.slotsInUse < (isFirst ? max : policy.limit(now)));
              policy = policy.started(start, now);
              pulls.set(uid, { uid, digest });
            }
          } else if (what === "review") {
            const before = policy.lentPulls;
            policy = policy.review(now).policy;
            assert.ok(policy.lentPulls <= Math.max(before, policy.limit(now)));
          } else if (someone !== undefined && what === "give up") {
            const before = policy.lentPulls;
            policy = policy.givenUp(someone, now);
            assert.ok(policy.lentPulls <= Math.max(before, policy.limit(now)));
          } else if (someone !== undefined) {
            policy = policy.ended(someone, end, now);
            pulls.delete(someone.uid);
          }
          assert.equal(policy.slotsInUse + policy.lentPulls, pulls.size);
          assert.ok(policy.limit(now) <= max && policy.limit(now) >= Math.min(4, max));
          if (!isAdaptive) assert.equal(policy.limit(now), max);
        }
      },
    ),
  );
});

test("in a healthy, uniform cluster no pull is lent, and none is given up", () => {
  for (const capacity of [5, 20, 100]) {
    const size = { ...ROW_11, nodes: 80, joining: 10, capacity, stuckPart: 0 };
    const plain = scenario(size, 2077);
    const images = plain.images.map((image) => ({ ...image, sizeBytes: 8e9, statedBytes: 8e9 }));
    const clock = virtualClock();
    const cluster = { ...plain, images };
    const arrivals = arrivalsOf(cluster, clock, (node) => run.joined(node));
    const wire = createWire(cluster, clock, arrivals);
    const run = startRulesPolicy(cluster, clock, wire, arrivals);
    clock.runSync(24 * 3_600_000, () => {
      assert.equal(run.policy.lentPulls, 0, `capacity ${capacity}, after ${clock.monotonicTime()} ms`);
      return arrivals.isComplete();
    });
    assert.ok(arrivals.isComplete());
  }
});

function candidateOf(uid: string, isFirst: boolean): PullCandidate {
  const place = { isRetry: false, rank: isFirst ? 0 : 1, joinedEmptyAt: 0, turns: 0, waitingSince: 0, tieBreaker: 0 };
  return { uid, digest: "sha256:1", sizeBytes: null, isFirst, ...place };
}
