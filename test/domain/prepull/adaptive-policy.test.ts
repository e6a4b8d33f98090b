import assert from "node:assert/strict";
import { test } from "node:test";
import { createPolicy } from "../../../src/domain/prepull/adaptive-policy.ts";
import type { PullFailureClass } from "../../../src/domain/prepull/failure-table.ts";
import type { PullCandidate, PullPolicy } from "../../../src/domain/prepull/policy.ts";
import { PULL_BACKOFF } from "../../../src/domain/prepull/prepull-backoff.ts";

const MINUTE = 60_000;
const TIMEOUT = 10 * MINUTE;
const GIGABYTE = 1e9;
/** How long a pull of one gigabyte takes here. */
const PULL_MS = 30_000;

function candidate(uid: string, changes: Partial<PullCandidate> = {}): PullCandidate {
  return {
    uid,
    digest: "sha256:1",
    sizeBytes: GIGABYTE,
    isRetry: false,
    isFirst: false,
    rank: 1,
    joinedEmptyAt: 0,
    turns: 0,
    waitingSince: 0,
    tieBreaker: 0,
    ...changes,
  };
}

function policy(maxConcurrentPulls = 100, isAdaptive = true): PullPolicy {
  return createPolicy({ maxConcurrentPulls, isAdaptive, pullTimeout: TIMEOUT, backoff: PULL_BACKOFF });
}

const keyOf = (uid: string) => ({ uid, digest: "sha256:1" });
const start = (before: PullPolicy, uid: string, now: number) =>
  before.started({ candidate: candidate(uid), isLent: false }, now);
const succeed = (before: PullPolicy, uid: string, now: number) => before.ended(keyOf(uid), { kind: "succeeded" }, now);
const fail = (before: PullPolicy, uid: string, failureClass: PullFailureClass, now: number) =>
  before.ended(keyOf(uid), { kind: "failed", failureClass }, now);

/** This many pulls, one after the other, each on a node of its own. */
function withSuccesses(before: PullPolicy, count: number, from: number): PullPolicy {
  let after = before;
  for (let at = 0; at < count; at++) {
    after = start(after, `well-${from}-${at}`, from + at * PULL_MS);
    after = succeed(after, `well-${from}-${at}`, from + (at + 1) * PULL_MS);
  }
  return after;
}

test("a pull that hangs releases its slot after 1.5 times what is expected, and not before", () => {
  let after = withSuccesses(policy(), 3, 0);
  assert.equal(after.expectedMs(GIGABYTE), PULL_MS);
  const from = 3 * PULL_MS;
  after = start(after, "hangs", from);
  // Three that started no earlier succeed in time, on other nodes.
  for (const uid of ["a", "b", "c"]) after = start(after, uid, from);
  for (const uid of ["a", "b", "c"]) after = succeed(after, uid, from + PULL_MS);
  const before = after.review(from + 1.5 * PULL_MS);
  assert.equal(before.policy.slotsInUse, 1);
  assert.ok((before.nextAt ?? 0) <= from + 1.5 * PULL_MS + 5_000, "looked at again within five seconds");
  const { policy: lent } = before.policy.review(before.nextAt ?? 0);
  assert.deepEqual([lent.slotsInUse, lent.lentPulls], [0, 1]);
  assert.equal(fail(lent, "hangs", "network", from + 9 * PULL_MS).lentPulls, 0);
});

test("nothing is lent while nothing succeeds, however long it takes", () => {
  let after = withSuccesses(policy(), 10, 0);
  for (let at = 0; at < 20; at++) after = start(after, `node-${at}`, 10 * PULL_MS);
  const { policy: reviewed, overdue } = after.review(10 * PULL_MS + TIMEOUT - 1);
  assert.deepEqual([reviewed.slotsInUse, reviewed.lentPulls, overdue.length], [20, 0, 0]);
});

test("F70: a pull that is given up holds no slot, and the node's next one is lent until one succeeds there", () => {
  let after = start(policy(1), "hangs", 0);
  assert.deepEqual(after.review(TIMEOUT).overdue, [keyOf("hangs")]);
  after = after.givenUp(keyOf("hangs"), TIMEOUT);
  assert.deepEqual([after.slotsInUse, after.lentPulls], [0, 1]);
  assert.deepEqual(after.next([candidate("other")], 9, TIMEOUT), [{ candidate: candidate("other"), isLent: false }]);
  after = fail(after, "hangs", "timeout", TIMEOUT);
  const [next] = after.next([candidate("hangs")], 9, TIMEOUT);
  assert.equal(next?.isLent, true);
  after = after.started({ candidate: candidate("hangs"), isLent: true }, TIMEOUT);
  after = succeed(after, "hangs", TIMEOUT + PULL_MS);
  assert.equal(after.next([candidate("hangs")], 9, TIMEOUT + PULL_MS)[0]?.isLent, false);
});

test("a pull that was withdrawn keeps its slot until it ends", () => {
  const after = start(policy(), "node", 0).givenUp(keyOf("node"), 1_000);
  assert.deepEqual([after.slotsInUse, after.lentPulls], [1, 0]);
  assert.equal(after.ended(keyOf("node"), { kind: "withdrawn" }, 2_000).slotsInUse, 0);
});

test("a pull is given up at its time-out only if it is older than four times what is expected", () => {
  let after = policy();
  // As slow as pulls can be that the time-out does not end.
  for (const uid of ["a", "b", "c"]) after = start(after, uid, 0);
  for (const uid of ["a", "b", "c"]) after = succeed(after, uid, 0.9 * TIMEOUT);
  after = start(after, "slow", TIMEOUT);
  let now = TIMEOUT;
  for (;;) {
    const { policy: reviewed, overdue, nextAt } = after.review(now);
    after = reviewed;
    if (overdue.length > 0) break;
    now = nextAt ?? Number.NaN;
  }
  const ageMs = now - TIMEOUT;
  assert.ok(ageMs > 4 * 0.9 * TIMEOUT && ageMs <= 4 * 0.9 * TIMEOUT + TIMEOUT / 4 + 5_000, `${ageMs} ms`);
});

test("no pull outlasts six times the time-out", () => {
  let after = policy();
  for (const uid of ["a", "b", "c"]) after = start(after, uid, 0);
  for (const uid of ["a", "b", "c"]) after = succeed(after, uid, 3 * TIMEOUT);
  after = start(after, "slow", 3 * TIMEOUT);
  assert.deepEqual(after.review(9 * TIMEOUT - 1).overdue, []);
  assert.deepEqual(after.review(9 * TIMEOUT).overdue, [keyOf("slow")]);
});

test("an outage changes no rank and no limit", () => {
  let after = withSuccesses(policy(), 10, 0);
  const limit = after.limit(0);
  for (let round = 0; round < 6; round++) {
    const now = 10 * PULL_MS + round * 30_000;
    for (let at = 0; at < 20; at++) after = start(after, `node-${at}`, now);
    for (let at = 0; at < 20; at++) {
      after = fail(after, `node-${at}`, round % 2 === 0 ? "registry-unavailable" : "network", now + 5_000);
      const { isRetry, waitMs } = after.retry(keyOf(`node-${at}`), "network", round + 1, 0.5);
      assert.equal(isRetry, false);
      assert.ok(waitMs >= 10_000 && waitMs <= MINUTE, `${waitMs} ms`);
    }
    assert.equal(after.limit(now), limit);
  }
  assert.equal(withSuccesses(after, 1, 20 * MINUTE).limit(0), limit);
});

test("a registry that refuses some pulls while others succeed has the limit fall, by a quarter in ten seconds", () => {
  let after = policy();
  const limits: number[] = [];
  for (let at = 0; at < 40; at++) {
    const now = at * 2_500;
    after = start(start(after, `well-${at}`, now), `refused-${at}`, now);
    after = fail(after, `refused-${at}`, "registry-rate-limited", now + 1_000);
    assert.equal(after.retry(keyOf(`refused-${at}`), "registry-rate-limited", 1, 0).isRetry, false);
    after = succeed(after, `well-${at}`, now + 2_000);
    limits.push(after.limit(now));
  }
  assert.equal(limits[0], 15);
  assert.equal(Math.min(...limits), 4);
  for (const [at, limit] of limits.entries()) assert.ok(limit >= 0.7 * (limits[at - 4] ?? limit) - 1);
});

test("a node that fails alone is booked on the node, and the limit falls no further", () => {
  let after = policy();
  let now = 0;
  for (let round = 0; round < 4; round++) {
    after = fail(start(after, "broken", now), "broken", "network", now + 1_000);
    after = withSuccesses(after, 9, now + 1_000);
    now += 10 * PULL_MS;
  }
  assert.equal(after.retry(keyOf("broken"), "network", 4, 0.5).isRetry, true);
  const limit = after.limit(now);
  after = fail(start(after, "broken", now), "broken", "network", now + 1_000);
  assert.ok(withSuccesses(after, 2, now + 1_000).limit(now) >= limit);
});

test("nodes that failed and have left do not stand for others for ever", () => {
  let after = policy();
  for (let at = 0; at < 50; at++) after = fail(start(after, `gone-${at}`, 0), `gone-${at}`, "network", 1_000);
  let now = 60 * MINUTE;
  for (let round = 0; round < 4; round++) {
    after = fail(start(after, "broken", now), "broken", "network", now + 1_000);
    after = withSuccesses(after, 9, now + 1_000);
    now += 10 * PULL_MS;
  }
  assert.equal(after.retry(keyOf("broken"), "network", 4, 0.5).isRetry, true);
});

test("adaptive: false keeps the limit at the maximum, whatever happens", () => {
  let after = withSuccesses(policy(30, false), 40, 0);
  after = fail(start(after, "node", 0), "node", "registry-rate-limited", 50 * PULL_MS);
  assert.equal(withSuccesses(after, 40, 50 * PULL_MS).limit(0), 30);
});

test("the recommended image has every slot there can be, whatever else keeps to the limit", () => {
  const nodes = Array.from({ length: 200 }, (_, at) => `node-${at}`);
  const firsts = nodes.map((uid) => candidate(uid, { isFirst: true, rank: 0 }));
  assert.equal(policy().next(firsts, 999, 0).length, 100);
  let inSteps = policy();
  const left = new Set(firsts);
  for (;;) {
    const starts = inSteps.next(left, 25, 0);
    if (starts.length === 0) break;
    for (const started of starts) {
      inSteps = inSteps.started(started, 0);
      left.delete(started.candidate);
    }
  }
  assert.equal(inSteps.slotsInUse, 100, "a few at a time come to the same");
  const others = nodes.map((uid) => candidate(uid));
  assert.equal(policy().next(others, 999, 0).length, 20);
  assert.equal(policy(8).next(firsts, 999, 0).length, 8);
  const retries = firsts.map((first) => ({ ...first, isRetry: true }));
  assert.equal(policy().next(retries, 999, 0).length, 20);
});
