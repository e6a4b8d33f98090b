import assert from "node:assert/strict";
import { test } from "node:test";
import { digest } from "../support/image-world.ts";
import { nodes, prepuller } from "../support/prepuller-world.ts";

test("nodes are pulled to within the cap, and the next begins when one is done: no node waits for another", async () => {
  const { pulls, work, state, stop } = prepuller();
  await work({ lacking: nodes(3, ["recommended", "weekly"]) });
  assert.deepEqual(pulls.started, [`n0 ${digest("recommended")}`, `n1 ${digest("recommended")}`]);
  pulls.succeed("n0", "recommended");
  assert.deepEqual(pulls.started.at(-1), `n2 ${digest("recommended")}`);
  pulls.succeed("n2", "recommended");
  assert.deepEqual(pulls.started.at(-1), `n0 ${digest("weekly")}`);
  assert.equal(state().pulls.size, 2, "n1 hangs, and the others go on");
  stop();
});

test("the cap is one whatever hangs: a pull that many others overtake keeps its turn", async () => {
  const { pulls, work, state, stop } = prepuller();
  await work({ lacking: nodes(30, ["weekly"]) });
  const hanging = pulls.started[0]?.split(" ")[0];
  for (let done = 0; done < 28; done++) {
    const other = [...pulls.running.keys()].map((key) => key.split(" ")[0]).find((node) => node !== hanging);
    pulls.succeed(other ?? "", "weekly");
    assert.equal(state().pulls.size, 2);
    assert.ok(pulls.running.size <= 2);
  }
  stop();
});

test("the recommended image goes first as soon as it is due again, also on a node that waits for another", async () => {
  const { pulls, work, clock, stop } = prepuller();
  await work({ lacking: { ...nodes(4, ["weekly"]), n0: ["recommended", "weekly"] } });
  pulls.fail("n0", "recommended");
  await clock.advance(10_000);
  const other = [...pulls.running.keys()][0]?.split(" ")[0] ?? "";
  pulls.succeed(other, "weekly");
  assert.equal(pulls.started.at(-1), `n0 ${digest("recommended")}`);
  stop();
});

test("slots are reported when they change: the limit, those in use, and pulls that hold none", async () => {
  const { pulls, work, slots, clock, stop } = prepuller({ maxConcurrentPulls: 2, pullTimeout: 60_000 });
  await work({ lacking: { n1: ["weekly"], n2: ["weekly"], n3: ["weekly"] } });
  assert.deepEqual(slots(), { type: "slots.changed", limit: 2, inUse: 2, lent: 0 });
  for (const pull of [...pulls.running.values()]) pull.end({ type: "pull.succeeded" });
  await clock.advance(1);
  assert.deepEqual(slots(), { type: "slots.changed", limit: 2, inUse: 1, lent: 0 });
  stop();
});

test("a success marks that very node, and is reported", async () => {
  const { pulls, work, news, clock, stop } = prepuller();
  await work({ lacking: { n0: ["weekly"] } });
  pulls.succeed("n0", "weekly");
  const mark = news().find(({ type }) => type === "image.prepulled");
  assert.deepEqual(mark, {
    type: "image.prepulled",
    node: "n0",
    uid: "uid-n0",
    digest: digest("weekly"),
    markedAt: clock.monotonicTime(),
  });
  stop();
});

test("the actor of a pull that has ended is gone, and another one comes with new work", async () => {
  const { pulls, work, clock, children, stop } = prepuller();
  await work({ lacking: { n0: ["weekly"] } });
  const before = children();
  pulls.succeed("n0", "weekly");
  assert.equal(children(), before - 1);
  await work({ lacking: {} });
  await work({ lacking: { n0: ["daily"] } });
  assert.deepEqual([...pulls.running.keys()], [`n0 ${digest("daily")}`]);
  stop();
  assert.equal(clock.pending, 0);
});

test("a node that leaves takes its state, its pull and its timers with it", async () => {
  const { pulls, work, state, clock, types, stop } = prepuller();
  await work({ lacking: nodes(2, ["weekly"]) });
  pulls.fail("n1", "weekly");
  const pending = clock.pending;
  types();
  await work({ lacking: {} });
  assert.equal(pulls.running.size, 0);
  assert.equal(state().nodes.size, 0);
  assert.equal(state().pulls.size, 0);
  assert.deepEqual(types(), ["pull.cancelled", "failure.dropped"]);
  assert.ok(clock.pending < pending);
  stop();
});

test("a node made again under its name is another node: its pull is cancelled and begins again (K5)", async () => {
  const { pulls, work, state, stop } = prepuller();
  await work({ lacking: { n0: ["weekly"] } });
  await work({ lacking: { n0: ["weekly"] }, uids: { n0: "another" } });
  const [pull] = pulls.running.values();
  assert.equal(pulls.running.size, 1);
  assert.equal(pull?.order.nodeUid, "another");
  assert.equal(state().nodes.get("n0")?.context.uid, "another");
  stop();
});

test("a node that is no longer eligible has its pull cancelled, and its failures are remembered", async () => {
  const { pulls, work, state, records, clock, stop } = prepuller();
  await work({ lacking: { n0: ["weekly", "daily"] } });
  pulls.fail("n0", "weekly");
  assert.equal(pulls.running.size, 1, "the next image is being pulled");
  await work({ lacking: {}, ineligible: ["n0"] });
  assert.equal(pulls.running.size, 0);
  const shown = [...state().ended.values()].map(({ progress }) => `${progress.state} ${progress.message}`);
  const tainted = "CANCELLED Node is tainted (NoSchedule, node.kubernetes.io/unschedulable)";
  assert.deepEqual(shown, [tainted, tainted]);
  await work({ lacking: { n0: ["weekly", "daily"] } });
  assert.deepEqual(
    records("n0").map(({ failureClass, failures, attempts }) => [failureClass, failures, attempts]),
    [
      ["other", 1, 1],
      [null, 0, 1],
    ],
  );
  assert.deepEqual([...pulls.running.keys()], [`n0 ${digest("daily")}`]);
  await clock.advance(0);
  stop();
});

test("an image that comes to the node by another way while it is pulled has succeeded", async () => {
  const { pulls, work, state, types, stop } = prepuller();
  await work({ lacking: { n0: ["weekly"] } });
  await work({ lacking: {}, complete: { n0: ["weekly"] } });
  assert.equal(pulls.running.size, 0);
  assert.deepEqual(types().slice(-1), ["pull.succeeded"]);
  assert.deepEqual(
    [...state().ended.values()].map(({ progress }) => progress.state),
    ["SUCCEEDED"],
  );
  stop();
});

test("an image that leaves the prepull set while it is pulled is cancelled, and the turn goes to another node", async () => {
  const { pulls, work, types, stop } = prepuller({ maxConcurrentPulls: 1 });
  await work({ lacking: { n0: ["weekly", "daily"], n1: ["daily"] } });
  types();
  await work({ lacking: { n0: ["daily"], n1: ["daily"] } });
  assert.deepEqual(types(), ["pull.cancelled", "pull.started"]);
  assert.equal(pulls.running.size, 1);
  stop();
});

for (const [what, images, expected] of [
  ["reports no images at all", 0, /missing from the node's report each time: the node reports no images at all/],
  ["reports as many as kubelets do by default", 50, /reports 50 images, the default limit of kubelets/],
  [
    "reports other images",
    7,
    /its disk is too small .*, its kubelet removes them \(imageMaximumGCAge, .*\), or somebody else does/,
  ],
] as const) {
  test(`F25: an image that does not show on a node that ${what} is said to be missing for that reason`, async () => {
    const { pulls, work, news, records, stop } = prepuller();
    const reported = { n0: images };
    for (let time = 0; time < 3; time++) {
      await work({ lacking: { n0: ["weekly"] }, reported });
      pulls.succeed("n0", "weekly");
      await work({ lacking: {}, complete: { n0: ["weekly"] } });
    }
    news();
    await work({ lacking: { n0: ["weekly"] }, reported });
    const told = news().find(({ type }) => type === "image.thrashing");
    assert.match(String(told?.["message"]), expected);
    const [record] = records("n0");
    assert.match(record?.message ?? "", expected);
    stop();
  });
}

test("F29: a refusal that meets every node backs off for all of them, and one pod is tried until one is accepted", async () => {
  const { pulls, work, types, state, clock, stop } = prepuller({ maxConcurrentPulls: 20 });
  const nodes = Array.from({ length: 150 }, (_, at) => `n${at}`);
  const refused = { failureClass: "refused", reason: "Forbidden", message: "exceeded quota" } as const;
  const refuseAll = async () => {
    for (const pull of [...pulls.running.values()]) pull.end({ type: "pull.failed", failure: refused });
    await clock.advance(0);
  };
  await work({ lacking: Object.fromEntries(nodes.map((node) => [node, ["weekly", "daily", "release", "other"]])) });
  // Actors are started in slices.
  await clock.advance(100);
  while (pulls.running.size > 0) await refuseAll();
  const first = types();
  assert.equal(first.filter((type) => type === "pull.started").length, 21, "one pod of another image was tried");
  assert.equal(first.filter((type) => type === "pods.refused").length, 1);
  let probes = 0;
  for (let second = 0; second < 3_600; second += 1) {
    await clock.advance(1_000);
    assert.ok(pulls.running.size <= 1);
    probes += pulls.running.size;
    await refuseAll();
  }
  assert.ok(probes >= 60 && probes <= 130, `${probes} pods in an hour`);
  assert.equal(types().filter((type) => type === "pods.refused").length, 0, "said once, at the beginning");
  assert.equal(state().refusal?.failure.message, "exceeded quota");
  await clock.advance(300_000);
  assert.equal(pulls.running.size, 1);
  for (const pull of pulls.running.values()) pull.end({ type: "pull.accepted" });
  await clock.advance(0);
  for (let round = 0; round < 5; round += 1) {
    for (const pull of pulls.running.values()) pull.end({ type: "pull.accepted" });
    await clock.advance(0);
  }
  assert.equal(state().refusal, null);
  assert.equal(pulls.running.size, 20, "all turns are given again");
  assert.equal(types().filter((type) => type === "pods.accepted").length, 1);
  stop();
});

test("an image that does not stay is thrashing: it is reported and waits longer and longer", async () => {
  const { pulls, work, news, records, clock, stop } = prepuller();
  for (let time = 0; time < 3; time++) {
    await work({ lacking: { n0: ["weekly"] } });
    pulls.succeed("n0", "weekly");
    await work({ lacking: {}, complete: { n0: ["weekly"] } });
  }
  news();
  await work({ lacking: { n0: ["weekly"] } });
  assert.equal(pulls.running.size, 0);
  assert.ok(news().some(({ type }) => type === "image.thrashing"));
  const [record] = records("n0");
  assert.equal(record?.reason, "Thrashing");
  await clock.advance(600_000);
  assert.equal(pulls.running.size, 1);
  stop();
});
