import assert from "node:assert/strict";
import { test } from "node:test";
import { digest } from "../support/image-world.ts";
import { nodes, prepuller } from "../support/prepuller-world.ts";

const SWEEP = 600_000;
const SIX_HOURS = 6 * 3_600_000;

test("nodes that are drained and then deleted give up their slots at once, although they have no work any longer", async () => {
  const { pulls, work, state, stop } = prepuller({ maxConcurrentPulls: 20, isAdaptive: false });
  pulls.withdrawn = "goes on";
  const drained = nodes(20, ["weekly"]);
  await work({ lacking: drained });
  const lacking = { other: ["weekly"] };
  await work({ lacking, ineligible: Object.keys(drained) });
  assert.deepEqual([pulls.running.size, state().policy.slotsInUse], [0, 20], "their pulls go on");
  await work({ lacking });
  assert.deepEqual([...pulls.running.keys()], [`other ${digest("weekly")}`]);
  assert.deepEqual([state().policy.slotsInUse, state().pulls.size, state().nodes.size], [1, 1, 1]);
  stop();
});

test("more nodes may be deleted than are seen to in one step", async () => {
  const { pulls, work, state, clock, stop } = prepuller({ maxConcurrentPulls: 150, isAdaptive: false });
  pulls.withdrawn = "goes on";
  const drained = nodes(150, ["weekly"]);
  await work({ lacking: drained });
  await clock.advance(100);
  await work({ lacking: {}, ineligible: Object.keys(drained) });
  await clock.advance(100);
  assert.equal(state().pulls.size, 150);
  await work({ lacking: {} });
  await clock.advance(10);
  assert.deepEqual([state().pulls.size, state().nodes.size], [0, 0]);
  stop();
});

for (const [what, ineligible] of [
  ["that is excluded", ["n0"]],
  ["on which nothing is wanted", []],
] as const) {
  test(`the report of a node ${what} ends the pull that went on there, whose slot is free at once`, async () => {
    const { pulls, work, state, types, stop } = prepuller({ maxConcurrentPulls: 1 });
    pulls.withdrawn = "goes on";
    await work({ lacking: { n0: ["weekly"] } });
    const lacking = { n1: ["daily"] };
    await work({ lacking, ineligible, complete: { n0: [] } });
    assert.equal(state().policy.slotsInUse, 1);
    assert.ok(!pulls.started.includes(`n1 ${digest("daily")}`));
    types();
    pulls.withdrawn = "ends";
    await work({ lacking, ineligible, complete: { n0: ["weekly"] } });
    assert.deepEqual([...pulls.running.keys()], [`n1 ${digest("daily")}`]);
    assert.deepEqual(types(), ["pull.settled", "pull.started"]);
    assert.deepEqual(
      [...state().ended.values()].map(({ progress }) => progress.state),
      ["SUCCEEDED"],
    );
    stop();
  });
}

test("nodes that have gone are forgotten at the next sweep, and those that stay when their pulls no longer count", async () => {
  const { pulls, work, state, clock, stop } = prepuller({ maxConcurrentPulls: 50, isAdaptive: false });
  const all = nodes(50, ["weekly"]);
  await work({ lacking: all });
  await clock.advance(100);
  for (const node of Object.keys(all)) pulls.succeed(node, "weekly");
  await work({ lacking: {}, complete: all });
  await clock.advance(SWEEP);
  assert.equal(state().nodes.size, 50, "what was pulled to them counts");
  await work({ lacking: {}, complete: { n0: ["weekly"], n1: ["weekly"], n2: ["weekly"] } });
  await clock.advance(SWEEP);
  assert.deepEqual([...state().nodes.keys()], ["n0", "n1", "n2"]);
  await work({ lacking: {}, complete: { n0: ["weekly"], n1: ["weekly"] }, uids: { n1: "another" } });
  await clock.advance(SWEEP);
  assert.deepEqual([...state().nodes.keys()], ["n0"]);
  await clock.advance(SIX_HOURS);
  assert.equal(state().nodes.size, 0);
  stop();
});

test("a node whose failures are remembered while it is excluded is kept as long as it is there", async () => {
  const { pulls, work, state, clock, types, stop } = prepuller();
  await work({ lacking: { n0: ["weekly"] } });
  pulls.fail("n0", "weekly");
  await work({ lacking: {}, ineligible: ["n0"] });
  await clock.advance(SIX_HOURS + SWEEP);
  assert.equal(state().nodes.size, 1);
  types();
  await work({ lacking: {} });
  await clock.advance(SWEEP);
  assert.equal(state().nodes.size, 0);
  assert.ok(!types().includes("failure.dropped"), "it was said when the node was excluded");
  stop();
});
