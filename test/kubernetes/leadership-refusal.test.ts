import assert from "node:assert/strict";
import { test } from "node:test";
import { createLeadership } from "../../src/kubernetes/lease/leadership.ts";
import { eventually } from "../support/eventually.ts";
import { manualClock } from "../support/manual-clock.ts";
import { silentLogger } from "./node-fixture.ts";
import { NAMESPACE, startPrepullBench } from "./prepull-fixture.ts";

const TIMING = { leaseDuration: 15_000, renewDeadline: 10_000, retryPeriod: 2_000 };

test("who was refused a write is notified of the loss, also where the lease is won back before any timer runs (K9)", async () => {
  await using bench = await startPrepullBench();
  const clock = manualClock();
  let slept = 0;
  const life = new AbortController();
  const told: boolean[] = [];
  const leadership = createLeadership({
    connection: bench.connection,
    namespace: NAMESPACE,
    leaseName: "prepuller",
    instance: "lab",
    identity: "a",
    timing: TIMING,
    clock: { ...clock, monotonicTime: () => clock.monotonicTime() + slept },
    random: () => 0.5,
    logger: silentLogger,
  });
  leadership.follow((leading) => void told.push(leading), life.signal);
  await eventually(() => assert.deepEqual(told, [false, true]));
  slept = TIMING.renewDeadline;
  assert.equal(leadership.mayWrite(), false);
  assert.equal(leadership.mayWrite(), false);
  slept = 0;
  await eventually(() => assert.deepEqual(told, [false, true, false]));
  await clock.advance(TIMING.retryPeriod);
  await eventually(() => assert.deepEqual(told, [false, true, false, true]));
  assert.equal(leadership.mayWrite(), true);
  life.abort(new Error("the replica stops"));
  await leadership.ended();
});
