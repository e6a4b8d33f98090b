import assert from "node:assert/strict";
import { test } from "node:test";
import { digest } from "../support/image-world.ts";
import { nodes, prepuller } from "../support/prepuller-world.ts";

test("only the leader pulls, after what was left over has been seen to", async () => {
  const { pulls, work, lead, recovered, recoveries, types, stop } = prepuller({}, { leading: false });
  await work({ lacking: { n0: ["weekly"], n1: ["weekly"] } });
  assert.equal(pulls.started.length, 0);
  recoveries.push({ ended: [{ node: "n1", nodeUid: "uid-n1", digest: digest("weekly") }] });
  lead(true);
  assert.equal(recovered.length, 1);
  assert.equal(recovered[0]?.isWanted("uid-n0", digest("weekly")), true);
  assert.equal(recovered[0]?.isWanted("uid-n0", digest("daily")), false);
  assert.equal(recovered[0]?.isWanted("uid-n9", digest("weekly")), false);
  assert.equal(pulls.started.length, 0, "not before the end of the recovery");
  types();
  await work({ lacking: { n0: ["weekly"] } });
  assert.deepEqual(types().slice(0, 2), ["image.prepulled", "leftovers.recovered"]);
  assert.deepEqual(pulls.started, [`n0 ${digest("weekly")}`]);
  stop();
});

test("whoever loses the lead stops at once, and starts over when it leads again", async () => {
  const { pulls, work, lead, state, clock, types, stop } = prepuller();
  await work({ lacking: nodes(3, ["weekly"]) });
  types();
  lead(false);
  assert.equal(pulls.running.size, 0);
  assert.equal(state().isActive, false);
  assert.equal(pulls.released.length, 2, "left as they are");
  assert.equal(clock.pending, 0);
  assert.deepEqual(types(), ["pull.detached", "pull.detached", "work.abandoned", "leadership.changed"]);
  await work({ lacking: nodes(4, ["weekly"]) });
  assert.equal(pulls.running.size, 0);
  lead(true);
  await clock.advance(0);
  assert.equal(pulls.running.size, 2);
  stop();
});

test("whoever leads again knows what has failed before, and of what has changed meanwhile", async () => {
  const { pulls, work, lead, state, records, types, stop } = prepuller({ maxConcurrentPulls: 1 });
  await work({ lacking: nodes(3, ["weekly"]) });
  pulls.fail("n0", "weekly");
  lead(false);
  types();
  await work({ lacking: { n0: ["weekly"], n2: ["daily"] } });
  assert.deepEqual(types(), [], "nothing is done meanwhile");
  lead(true);
  await work({ lacking: { n0: ["weekly"], n2: ["daily"] } });
  assert.equal(records("n0")[0]?.failures, 1);
  assert.deepEqual(new Set(state().nodes.keys()), new Set(["n0", "n2"]));
  assert.deepEqual([...pulls.running.keys()], [`n2 ${digest("daily")}`]);
  stop();
});

test("a turn that becomes free goes to nobody whose work has gone in the same moment", async () => {
  const { pulls, work, stop } = prepuller({ maxConcurrentPulls: 1 });
  await work({ lacking: { n0: ["weekly"], n1: ["daily"] } });
  pulls.fail("n0", "weekly");
  await work({ lacking: { n0: ["weekly", "monthly"], n1: ["daily"], n2: ["daily"] } });
  await work({ lacking: { n0: ["weekly"], n2: ["daily"] } });
  assert.deepEqual([...pulls.running.keys()], [`n2 ${digest("daily")}`]);
  stop();
});

test("a recovery that fails is tried again, and nothing is pulled before it has worked", async () => {
  const { pulls, work, recoveries, recovered, clock, types, stop } = prepuller();
  recoveries.push(new Error("no API server"), new Error("no API server"));
  await work({ lacking: { n0: ["weekly"] } });
  assert.equal(pulls.started.length, 0);
  await clock.advance(500);
  assert.equal(recovered.length, 2);
  await clock.advance(1_000);
  assert.equal(pulls.started.length, 1);
  assert.deepEqual(types().filter((type) => type === "recovery.failed").length, 2);
  stop();
});

test("leftovers are looked for from time to time while this replica leads", async () => {
  const { work, recoveries, recovered, clock, types, pulls, stop } = prepuller();
  await work({ lacking: {} });
  assert.equal(recovered.length, 1);
  recoveries.push(new Error("no API server"), {});
  await clock.advance(600_000);
  assert.equal(recovered.length, 2);
  assert.ok(types().includes("recovery.failed"));
  await work({ lacking: { n0: ["weekly"] } });
  assert.equal(pulls.running.size, 1, "a sweep that fails stops nothing");
  await clock.advance(600_000);
  assert.equal(recovered.length, 3);
  stop();
});
