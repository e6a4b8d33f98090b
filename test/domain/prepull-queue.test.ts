import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createFixedPolicy, type PullCandidate } from "../../src/domain/prepull/policy.ts";
import { choosePulls as choose, STARVATION_INTERVAL } from "../../src/domain/prepull/prepull-queue.ts";

function candidate(uid: string, changes: Partial<PullCandidate> = {}): PullCandidate {
  return {
    uid,
    digest: "sha256:d",
    sizeBytes: null,
    isRetry: false,
    isFirst: false,
    rank: 0,
    joinedEmptyAt: 0,
    turns: 0,
    waitingSince: 0,
    tieBreaker: 0.5,
    ...changes,
  };
}

function choosePulls(queue: Iterable<PullCandidate>, free: number, granted: number): readonly string[] {
  return choose(queue, free, granted).map(({ uid }) => uid);
}

test("new work goes before retries, then the recommended image, then the others of a bare node", () => {
  const queue = [
    candidate("retry", { isRetry: true, isFirst: true, joinedEmptyAt: 900_000 }),
    candidate("plain"),
    candidate("recommended", { isFirst: true }),
    candidate("bare", { joinedEmptyAt: 600_000 }),
    candidate("bare, recommended", { joinedEmptyAt: 600_000, isFirst: true }),
  ];
  assert.deepEqual(choosePulls(queue, 9, 0), ["bare, recommended", "bare", "recommended", "plain", "retry"]);
  assert.deepEqual(choosePulls(queue, 9, 1).slice(0, 2), ["bare, recommended", "recommended"]);
});

test("neither many new nodes nor a new recommended image keeps the other waiting", () => {
  const many = (name: string, changes: Partial<PullCandidate>) =>
    Array.from({ length: 40 }, (_, at) => candidate(`${name} ${at}`, { waitingSince: at, ...changes }));
  const queue = [...many("recommended", { isFirst: true }), ...many("bare", { joinedEmptyAt: 600_000 })];
  const chosen = choosePulls(queue, 2 * STARVATION_INTERVAL, 0);
  const recommended = chosen.filter((uid) => uid.startsWith("recommended")).length;
  assert.ok(recommended >= STARVATION_INTERVAL, "the recommended image has at least half of the turns");
  assert.ok(chosen.length - recommended >= STARVATION_INTERVAL / 2, "new nodes have at least a quarter");
});

test("among equals the node with fewer turns goes first, then who has waited longer, then the lot decides", () => {
  const queue = [
    candidate("late lot", { waitingSince: 1, tieBreaker: 0.9 }),
    candidate("early lot", { waitingSince: 1, tieBreaker: 0.1 }),
    candidate("waited", { waitingSince: 0, tieBreaker: 0.9 }),
    candidate("had a turn", { turns: 1 }),
  ];
  assert.deepEqual(choosePulls(queue, 4, 0), ["waited", "early lot", "late lot", "had a turn"]);
});

test("nodes that came bare within the same minute are equals; the newest minute goes first", () => {
  const queue = [
    candidate("first", { joinedEmptyAt: 60_000, turns: 1 }),
    candidate("same minute", { joinedEmptyAt: 119_000 }),
    candidate("newer", { joinedEmptyAt: 120_000, turns: 5 }),
  ];
  assert.deepEqual(choosePulls(queue, 3, 0), ["newer", "same minute", "first"]);
});

test("each eighth turn goes to whoever has waited longest", () => {
  const queue = [candidate("patient", { isRetry: true, waitingSince: 0 }), candidate("urgent", { waitingSince: 5 })];
  assert.deepEqual(choosePulls(queue, 1, STARVATION_INTERVAL - 2), ["urgent"]);
  assert.deepEqual(choosePulls(queue, 1, STARVATION_INTERVAL - 1), ["patient"]);
});

const candidates = fc.uniqueArray(
  fc.record({
    uid: fc.string({ minLength: 1 }),
    digest: fc.constant("sha256:d"),
    sizeBytes: fc.constant(null),
    rank: fc.constant(0),
    isRetry: fc.boolean(),
    isFirst: fc.boolean(),
    joinedEmptyAt: fc.integer({ min: 0, max: 600_000 }),
    turns: fc.integer({ min: 0, max: 6 }),
    waitingSince: fc.integer({ min: 0, max: 1_000 }),
    tieBreaker: fc.double({ min: 0, max: 1, noNaN: true }),
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
  const patient = candidate("patient", { isRetry: true, waitingSince: 0 });
  let turns = 0;
  for (; turns < 100; turns++) {
    const urgent = candidate(`urgent ${turns}`, { isFirst: true, waitingSince: turns + 1 });
    if (choosePulls([patient, urgent], 1, turns)[0] === "patient") break;
  }
  assert.ok(turns < STARVATION_INTERVAL);
});

test("a pull holds its slot until it ends or is given up, and is overdue after its time-out", () => {
  const backoff = { first: 10_000, longest: 300_000 };
  const key = (uid: string) => ({ uid, digest: "sha256:d" });
  let policy = createFixedPolicy({ maxConcurrentPulls: 2, pullTimeout: 600_000, backoff });
  const queue = ["a", "b", "c"].map((uid, tieBreaker) => candidate(uid, { tieBreaker }));
  const starts = policy.next(queue, 9, 0);
  assert.deepEqual(
    starts.map(({ candidate: { uid }, isLent }) => [uid, isLent]),
    [
      ["a", false],
      ["b", false],
    ],
  );
  for (const [at, start] of starts.entries()) policy = policy.started(start, at);
  assert.deepEqual([policy.slotsInUse, policy.next(queue, 9, 1)], [2, []]);
  assert.deepEqual(policy.review(1), { policy, overdue: [], nextAt: 600_000 });
  const review = policy.review(600_000);
  assert.deepEqual([review.overdue.map(({ uid }) => uid), review.nextAt], [["a"], 600_001]);
  policy = policy.givenUp(key("a"), 600_000);
  assert.equal(policy.slotsInUse, 1, "what goes on at the node holds no slot");
  assert.deepEqual(
    policy.review(700_000).overdue.map(({ uid }) => uid),
    ["b"],
    "once",
  );
  policy = policy.ended(key("b"), { kind: "succeeded" }, 1).ended(key("a"), { kind: "withdrawn" }, 1);
  assert.deepEqual([policy.slotsInUse, policy.review(1).nextAt], [0, null]);
});
