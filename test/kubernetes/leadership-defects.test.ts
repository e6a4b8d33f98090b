import assert from "node:assert/strict";
import { test } from "node:test";
import { createLeadership } from "../../src/kubernetes/lease/leadership.ts";
import { eventually } from "../support/eventually.ts";
import { manualClock } from "../support/manual-clock.ts";
import { silentLogger } from "./node-fixture.ts";
import { NAMESPACE, startPrepullBench } from "./prepull-fixture.ts";

const TIMING = { leaseDuration: 15_000, renewDeadline: 10_000, retryPeriod: 2_000 };

test("who follows while the lease is still being given up leads after that (P6)", async () => {
  await using bench = await startPrepullBench();
  const clock = manualClock();
  const common = {
    connection: bench.connection,
    namespace: NAMESPACE,
    leaseName: "prepuller",
    instance: "lab",
    identity: "a",
  };
  const leadership = createLeadership({ ...common, timing: TIMING, clock, random: () => 0.5, logger: silentLogger });
  const [first, second] = [new AbortController(), new AbortController()];
  const told: string[] = [];
  leadership.follow((leading) => void told.push(`first ${leading}`), first.signal);
  await eventually(() => assert.equal(leadership.mayWrite(), true));
  first.abort(new Error("whoever followed has broken"));
  leadership.follow((leading) => void told.push(`second ${leading}`), second.signal);
  assert.equal(leadership.mayWrite(), false);
  assert.throws(() => leadership.follow(() => undefined, new AbortController().signal), /followed already/);
  await eventually(() => assert.equal(leadership.mayWrite(), true));
  assert.deepEqual(told, ["first false", "first true", "second false", "second true"]);
  second.abort(new Error("the replica stops"));
  await leadership.ended();
  assert.equal(bench.api.list("leases")[0]?.spec?.["holderIdentity"], "");
});

test("an election outlives a defect of its listener, and one of its own costs no more than the lease (P6)", async () => {
  await using bench = await startPrepullBench();
  const clock = manualClock();
  const defects: Error[] = [];
  const wallTime = () => {
    for (const defect of defects) throw defect;
    return clock.wallTime();
  };
  const leadership = createLeadership({
    connection: bench.connection,
    namespace: NAMESPACE,
    leaseName: "prepuller",
    instance: "lab",
    identity: "a",
    timing: TIMING,
    clock: { ...clock, wallTime },
    random: () => 0.5,
    logger: silentLogger,
  });
  const life = new AbortController();
  const told: boolean[] = [];
  leadership.follow((leading) => {
    told.push(leading);
    if (leading) throw new TypeError("a defect of the test's making");
  }, life.signal);

  /** Lets seconds pass, each after the calls of the one before have been answered. */
  async function live(seconds: number): Promise<void> {
    for (let second = 0; second < seconds; second += 1) {
      await eventually(() => assert.equal(clock.pending, leadership.mayWrite() ? 2 : 1));
      await clock.advance(1_000);
    }
  }

  await live(1);
  assert.deepEqual(told, [false, true]);
  defects.push(new TypeError("a defect of the test's making"));
  await live(12);
  assert.deepEqual(told, [false, true, false]);
  defects.pop();
  await live(6);
  assert.deepEqual(told, [false, true, false, true]);
  life.abort(new Error("the replica stops"));
  await leadership.ended();
});
