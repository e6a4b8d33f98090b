import assert from "node:assert/strict";
import { test } from "node:test";
import type { PullFailure } from "../../src/domain/prepull/pull.ts";
import { digest } from "../support/image-world.ts";
import { prepuller } from "../support/prepuller-world.ts";

const TIMED_OUT: PullFailure = { failureClass: "timeout", reason: "Timeout", message: "no container was created" };
const EVICTED: PullFailure = { failureClass: "evicted", reason: "Evicted", message: "no room" };

/** A prepuller with one slot that does not look for leftovers meanwhile. */
function oneSlot(leading = true) {
  return prepuller({ maxConcurrentPulls: 1, sweepInterval: 10 ** 9 }, { leading });
}

/** A node that lacks two images and one that lacks one, one slot, and a pull whose time is over on the first. */
async function stalledPull() {
  const world = oneSlot();
  world.pulls.withdrawn = "goes on";
  await world.work({ lacking: { n0: ["weekly", "daily"], n1: ["daily"] } });
  const key = `n0 ${digest("weekly")}`;
  assert.deepEqual([...world.pulls.running.keys()], [key]);
  world.types();
  await world.clock.advance(600_000);
  assert.deepEqual(world.pulls.requests, [`${key}: pull.giveUp`]);
  world.pulls.running.get(key)?.end({ type: "pull.stalled", failure: TIMED_OUT });
  return { ...world, key };
}

test("F70: a pull whose time is over keeps its pod and its node, and gives up its slot; nobody innocent is blamed", async () => {
  const { pulls, records, types, state, clock, key, stop } = await stalledPull();
  assert.deepEqual(types(), ["pull.started", "pull.failed"], "the slot went to the other node as the time was over");
  assert.deepEqual([...pulls.running.keys()], [key, `n1 ${digest("daily")}`], "the pod stays");
  assert.equal(state().policy.slotsInUse, 1);
  assert.equal(state().pulls.size, 2);
  pulls.succeed("n1", "daily");
  await clock.advance(600_000);
  assert.deepEqual([...pulls.running.keys()], [key], "nothing else is started on the node");
  const [weekly, daily] = records("n0");
  assert.deepEqual([weekly?.failureClass, daily?.failureClass, daily?.attempts], ["timeout", null, 0]);
  types();
  pulls.succeed("n0", "weekly");
  assert.deepEqual(types(), ["pull.settled", "image.prepulled", "pull.started"]);
  assert.deepEqual([...pulls.running.keys()], [`n0 ${digest("daily")}`]);
  stop();
});

test("F70: a pull whose end nothing shows keeps its node busy for stuckPullTimeout at most", async () => {
  const { pulls, clock, key, stop } = await stalledPull();
  pulls.succeed("n1", "daily");
  pulls.requests.splice(0);
  await clock.advance(899_999);
  assert.deepEqual([...pulls.running.keys()], [key]);
  await clock.advance(1);
  assert.deepEqual(pulls.requests, [`${key}: pull.remove`]);
  assert.deepEqual([...pulls.running.keys()], [`n0 ${digest("daily")}`], "its pod was removed");
  stop();
});

test("F70: a pull whose actor reports nothing is bounded, too", async () => {
  const { pulls, clock, work, types, state, stop } = oneSlot();
  pulls.withdrawn = "nothing";
  await work({ lacking: { n0: ["weekly", "daily"] } });
  types();
  await clock.advance(609_999);
  assert.deepEqual(types(), []);
  await clock.advance(1);
  assert.deepEqual(types(), ["pull.failed"], "the prepuller itself says that its time is over");
  await clock.advance(909_999);
  assert.equal(pulls.running.size, 1);
  await clock.advance(1);
  assert.deepEqual([...pulls.running.keys()], [`n0 ${digest("daily")}`]);
  assert.deepEqual(pulls.released, [`n0 ${digest("weekly")}`]);
  assert.equal(state().pulls.size, 1);
  stop();
});

test("F70: a pull that is no longer wanted goes on in its slot, and its node gets nothing else until its end", async () => {
  const { pulls, work, types, clock, stop } = oneSlot();
  pulls.withdrawn = "goes on";
  await work({ lacking: { n0: ["weekly"], n1: ["daily"] } });
  const key = `n0 ${digest("weekly")}`;
  types();
  await work({ lacking: { n0: ["daily"], n1: ["daily"] } });
  assert.deepEqual([types(), pulls.requests], [["pull.cancelled"], [`${key}: pull.withdraw`]]);
  assert.deepEqual([...pulls.running.keys()], [key], "no more pulls on the wire than slots");
  await clock.advance(600_000);
  assert.deepEqual(
    [...pulls.running.keys()],
    [key, `n1 ${digest("daily")}`],
    "the slot is released after the time-out",
  );
  pulls.succeed("n1", "daily");
  assert.equal(pulls.running.size, 1);
  pulls.fail("n0", "weekly");
  assert.deepEqual([...pulls.running.keys()], [`n0 ${digest("daily")}`]);
  stop();
});

test("F70: the node of an evicted pod is busy with its pull: only a new pod of the same image is tried, since it shows the end", async () => {
  const { pulls, work, records, clock, state, types, stop } = oneSlot();
  await work({ lacking: { n0: ["weekly", "daily"], n1: ["daily"] } });
  pulls.running.get(`n0 ${digest("weekly")}`)?.end({ type: "pull.failed", failure: EVICTED });
  assert.equal(pulls.running.size, 0, "the pull may go on, and holds its slot");
  assert.deepEqual([records("n0")[0]?.failureClass, state().policy.slotsInUse], ["evicted", 1]);
  await clock.advance(5_000);
  assert.deepEqual([...pulls.running.keys()], [`n0 ${digest("weekly")}`]);
  assert.equal(state().policy.slotsInUse, 1, "it is the same pull");
  types();
  pulls.succeed("n0", "weekly");
  assert.deepEqual(types().slice(0, 2), ["pull.succeeded", "image.prepulled"]);
  stop();
});

test("F70: a node whose pods are evicted again and again is free after stuckPullTimeout, and another image goes next", async () => {
  const { pulls, work, clock, state, stop } = oneSlot();
  const key = `n0 ${digest("weekly")}`;
  await work({ lacking: { n0: ["weekly", "daily"] } });
  const evict = () => pulls.running.get(key)?.end({ type: "pull.failed", failure: EVICTED });
  evict();
  for (let seconds = 1; seconds < 900; seconds += 1) {
    await clock.advance(1_000);
    assert.ok(!pulls.running.has(`n0 ${digest("daily")}`), "nothing else is started on the node");
    evict();
  }
  assert.ok(pulls.started.length > 3, "a new pod was tried more than once");
  await clock.advance(1_000);
  assert.deepEqual([...pulls.running.keys()], [`n0 ${digest("daily")}`]);
  assert.equal(state().pulls.size, 1);
  stop();
});

test("F70: a new pod of an abandoned pull has what is left of stuckPullTimeout", async () => {
  const { pulls, work, clock, records, state, stop } = prepuller({
    maxConcurrentPulls: 1,
    sweepInterval: 10 ** 9,
    pullTimeout: 10 ** 8,
  });
  const key = `n0 ${digest("weekly")}`;
  await work({ lacking: { n0: ["weekly", "daily"] } });
  pulls.running.get(key)?.end({ type: "pull.failed", failure: EVICTED });
  await clock.advance(899_999);
  assert.deepEqual([[...pulls.running.keys()], pulls.requests], [[key], []]);
  await clock.advance(1);
  assert.deepEqual(pulls.requests, [`${key}: pull.remove`]);
  assert.deepEqual([...pulls.running.keys()], [`n0 ${digest("daily")}`]);
  assert.deepEqual([records("n0")[0]?.failureClass, state().pulls.size], ["timeout", 1]);
  stop();
});

test("F70: a new pod is not given up at once because the time of the one before was over", async () => {
  const { pulls, work, clock, types, stop } = oneSlot();
  const key = `n0 ${digest("weekly")}`;
  await work({ lacking: { n0: ["weekly", "daily"] } });
  await clock.advance(600_000);
  assert.deepEqual(pulls.requests.splice(0), [`${key}: pull.giveUp`]);
  pulls.running.get(key)?.end({ type: "pull.failed", failure: EVICTED });
  await clock.advance(20_000);
  assert.deepEqual([...pulls.running.keys()], [key]);
  types();
  await clock.advance(879_999);
  assert.deepEqual([types(), pulls.requests], [[], []], "its pod shows the end of the pull");
  await clock.advance(1);
  assert.deepEqual(pulls.requests, [`${key}: pull.remove`]);
  assert.deepEqual([...pulls.running.keys()], [`n0 ${digest("daily")}`], "for stuckPullTimeout at most");
  stop();
});

test("F70: a cordon takes the pod away and not the pull: uncordoned, the node gets a new pod of that image first", async () => {
  const { pulls, work, state, stop } = oneSlot();
  pulls.withdrawn = "goes on";
  await work({ lacking: { n0: ["weekly"], n1: ["daily"] } });
  const key = `n0 ${digest("weekly")}`;
  await work({ lacking: { n1: ["daily"] }, ineligible: ["n0"] });
  assert.deepEqual([pulls.requests, pulls.running.size], [[`${key}: pull.remove`], 0]);
  assert.equal(state().policy.slotsInUse, 1);
  await work({ lacking: { n0: ["daily", "weekly"], n1: ["daily"] } });
  assert.deepEqual([...pulls.running.keys()], [key]);
  stop();
});

test("F70: what the node reports shows the end of a pull without a pod", async () => {
  const { pulls, work, state, types, stop } = oneSlot();
  await work({ lacking: { n0: ["weekly", "daily"] } });
  pulls.running.get(`n0 ${digest("weekly")}`)?.end({ type: "pull.failed", failure: EVICTED });
  types();
  await work({ lacking: { n0: ["daily"] }, complete: { n0: ["weekly"] } });
  assert.deepEqual([...pulls.running.keys()], [`n0 ${digest("daily")}`]);
  assert.equal(state().pulls.size, 1);
  assert.ok(types().includes("pull.settled"));
  stop();
});

test("a pull whose end the node's report shows before its pod has succeeded, and is remembered", async () => {
  const { pulls, work, clock, state, stop } = prepuller({ maxConcurrentPulls: 3, sweepInterval: 10 ** 9 });
  const names = ["n0", "n1", "n2"];
  const of = (images: readonly string[]) => Object.fromEntries(names.map((node) => [node, images]));
  await work({ lacking: of(["weekly"]) });
  assert.equal(pulls.running.size, 3);
  await clock.advance(10_000);
  await work({ lacking: {}, complete: of(["weekly"]) });
  assert.deepEqual([pulls.running.size, state().pulls.size], [0, 0]);
  assert.notEqual(state().policy.expectedMs(null), null, "it says how long a pull takes");
  const remembered = names.map((node) => state().nodes.get(node)?.context.pulledAt.get(digest("weekly"))?.length);
  assert.deepEqual(remembered, [1, 1, 1]);
  stop();
});

test("F70: a node that leaves takes its pull with it at once", async () => {
  const { pulls, work, state, stop } = oneSlot();
  pulls.withdrawn = "goes on";
  await work({ lacking: { n0: ["weekly"], n1: ["daily"] } });
  await work({ lacking: { n1: ["daily"] } });
  assert.deepEqual([...pulls.running.keys()], [`n1 ${digest("daily")}`]);
  assert.equal(state().pulls.size, 1);
  stop();
});

test("F70: pods of an earlier process keep their nodes busy: those that are wanted are adopted before anything else", async () => {
  const { pulls, work, recoveries, lead, clock, stop } = oneSlot(false);
  await work({ lacking: { n0: ["weekly", "daily"], n1: ["weekly"], n2: ["weekly"] } });
  const left = (node: string, name: string) => ({
    node,
    nodeUid: `uid-${node}`,
    digest: digest(name),
    reference: `r/l:${name}@${digest(name)}`,
  });
  recoveries.push({ inProgress: [left("n0", "daily"), left("n1", "daily"), left("n9", "daily")] });
  lead(true);
  await clock.advance(0);
  assert.deepEqual(pulls.started, [`n0 ${digest("daily")}`], "adopted, past the limit where need be");
  pulls.succeed("n0", "daily");
  await clock.advance(0);
  assert.equal(pulls.running.size, 0, "the pull that is not wanted holds the only slot");
  await clock.advance(599_000);
  assert.equal(pulls.running.size, 0);
  await clock.advance(1_000);
  for (const node of ["n2", "n0"]) pulls.succeed(node, "weekly");
  assert.equal(pulls.running.size, 0, "the slot is free, and its node is busy");
  await clock.advance(299_999);
  assert.equal(pulls.running.size, 0);
  await clock.advance(1);
  assert.deepEqual([...pulls.running.keys()], [`n1 ${digest("weekly")}`], "for 15 minutes at most");
  stop();
});
