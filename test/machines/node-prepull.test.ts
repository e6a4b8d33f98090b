import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type AnyActorRef,
  type AnyEventObject,
  createActor,
  fromCallback,
  initialTransition,
  setup,
  transition,
} from "xstate";
import { getShortestPaths } from "xstate/graph";
import type { PrepullState } from "../../src/domain/snapshot/answers.ts";
import {
  type NodePrepullEvent,
  type NodePrepullInput,
  type NodePrepullSettings,
  nodePrepullMachine,
  PULL_GRACE,
} from "../../src/machines/prepuller/node-prepull.ts";
import { actorClock } from "../support/actor-clock.ts";
import { digest } from "../support/image-world.ts";
import { manualClock } from "../support/manual-clock.ts";
import { heldPulls, nodeSettings, target } from "../support/prepull-world.ts";

const NO_HISTORY = new Map();

function inputOf(parent: AnyActorRef, settings: NodePrepullSettings, names: readonly string[]): NodePrepullInput {
  return { parent, settings, node: "n1", uid: "u1", targets: names.map(target), histories: NO_HISTORY };
}

/** One node's actor under a parent that writes down what it is told. */
function nodeAtWork(names: readonly string[], changes: Partial<NodePrepullSettings> = {}) {
  const clock = manualClock();
  const pulls = heldPulls();
  const told: AnyEventObject[] = [];
  const settings = nodeSettings(clock, changes);
  const inputFor = (self: AnyActorRef): NodePrepullInput => inputOf(self, settings, names);
  const node = nodePrepullMachine.provide({ actors: { pull: pulls.logic } });
  const parent = setup({ actors: { node }, actions: { write: ({ event }) => told.push(event) } }).createMachine({
    invoke: { id: "node", src: "node", input: ({ self }) => inputFor(self) },
    on: { "*": { actions: "write" } },
  });
  const actor = createActor(parent, { clock: actorClock(clock) }).start();
  const child = actor.getSnapshot().children["node"];
  assert.ok(child);
  return {
    clock,
    pulls,
    stop: () => actor.stop(),
    send: (event: NodePrepullEvent) => child.send(event),
    grant: () => child.send({ type: "pull.granted" }),
    report: (name: string, state: PrepullState, reason = "", message = "") =>
      child.send({
        type: "pull.reported",
        report: { digest: digest(name), node: "n1", state, reason, message, failureClass: null },
      }),
    change: (wanted: readonly string[]) =>
      child.send({ type: "work.changed", targets: wanted.map(target), histories: NO_HISTORY }),
    broken: () => child.getSnapshot().status === "error",
    state: () => child.getSnapshot().value,
    since: () => child.getSnapshot().context.since,
    tasks: () => child.getSnapshot().context.tasks,
    news(): readonly string[] {
      return told.splice(0).map(({ type }) => type);
    },
  };
}

test("a node pulls one image at a time, the next when it is given another turn", () => {
  const { pulls, grant, state, news, tasks, stop } = nodeAtWork(["recommended", "weekly"]);
  assert.equal(state(), "waiting");
  grant();
  assert.deepEqual([...pulls.running.keys()], [`n1 ${digest("recommended")}`]);
  assert.deepEqual(news(), ["node.waiting", "task.started"]);
  pulls.succeed("n1", "recommended");
  assert.equal(state(), "waiting");
  assert.deepEqual(news(), ["task.succeeded", "node.waiting"]);
  grant();
  pulls.succeed("n1", "weekly");
  assert.equal(state(), "backingOff", "its parent hears of it, and ends it");
  assert.deepEqual(tasks(), []);
  assert.equal(pulls.running.size, 0);
  stop();
});

test("what has failed waits, and the others go on meanwhile", async () => {
  const { pulls, grant, state, tasks, clock, stop } = nodeAtWork(["weekly", "daily"]);
  grant();
  pulls.fail("n1", "weekly");
  const [failed] = tasks();
  assert.deepEqual(
    { state: failed?.state, reason: failed?.reason, attempts: failed?.attempts, failures: failed?.failures },
    { state: "FAILED", reason: "ErrImagePull", attempts: 1, failures: 1 },
  );
  assert.equal(failed?.nextAttemptTime, clock.wallTime() + 5_000);
  grant();
  pulls.succeed("n1", "daily");
  assert.equal(state(), "backingOff");
  await clock.advance(5_000);
  assert.equal(state(), "waiting");
  grant();
  pulls.fail("n1", "weekly");
  assert.equal(tasks()[0]?.failures, 2);
  await clock.advance(9_999);
  assert.equal(state(), "backingOff");
  await clock.advance(1);
  assert.equal(state(), "waiting");
  stop();
  assert.equal(clock.pending, 0);
});

test("the recommended image has a second chance before new work, and no third", async () => {
  const { pulls, grant, clock, stop } = nodeAtWork(["recommended", "weekly", "daily"]);
  grant();
  pulls.fail("n1", "recommended");
  await clock.advance(5_000);
  grant();
  pulls.fail("n1", "recommended");
  await clock.advance(300_000);
  grant();
  assert.deepEqual(pulls.started.at(-1), `n1 ${digest("weekly")}`);
  stop();
});

test("a pull that does not end by itself is given up after its time-out", async () => {
  const { pulls, grant, tasks, clock, state, stop } = nodeAtWork(["weekly"]);
  grant();
  await clock.advance(600_000 + PULL_GRACE - 1);
  assert.equal(pulls.running.size, 1);
  await clock.advance(1);
  assert.equal(pulls.running.size, 0);
  assert.equal(state(), "backingOff");
  assert.equal(tasks()[0]?.reason, "DeadlineExceeded");
  stop();
});

test("a pull that throws breaks the actor, and nothing stays behind (P6)", () => {
  const { pulls, grant, news, clock, broken, stop } = nodeAtWork(["weekly"]);
  news();
  pulls.breakNext();
  grant();
  assert.equal(broken(), true);
  assert.deepEqual(news(), ["task.started", "xstate.error.actor.node"]);
  assert.equal(clock.pending, 0);
  stop();
});

test("work that changes cancels a pull that is not wanted any more, and no other", () => {
  const { pulls, grant, change, state, news, tasks, stop } = nodeAtWork(["weekly"]);
  grant();
  change(["weekly", "daily"]);
  assert.equal(pulls.started.length, 1, "the pull goes on");
  assert.deepEqual(
    tasks().map(({ state: of }) => of),
    ["PULLING", "WAITING"],
  );
  news();
  change(["daily"]);
  assert.equal(pulls.running.size, 0);
  assert.equal(state(), "waiting");
  assert.deepEqual(news(), ["task.cancelled", "node.waiting"]);
  stop();
});

test("a node that waits keeps its place when its work changes", async () => {
  const { clock, change, pulls, grant, since, stop } = nodeAtWork(["weekly"]);
  await clock.advance(1_000);
  change(["weekly", "daily"]);
  assert.equal(since(), 0);
  grant();
  assert.equal(since(), null);
  await clock.advance(1_000);
  pulls.succeed("n1", "weekly");
  assert.equal(since(), 2_000, "after its turn it queues up again");
  grant();
  pulls.fail("n1", "daily");
  assert.equal(since(), null, "what backs off does not queue");
  stop();
});

test("an image that is pushed again under its tag is the same task", () => {
  const { change, tasks, send, stop } = nodeAtWork(["weekly"]);
  const moved = { ...target("weekly"), reference: `registry.test/sciplat/lab:other@${digest("weekly")}` };
  const [before] = tasks();
  change(["weekly"]);
  assert.equal(tasks()[0], before);
  send({ type: "work.changed", targets: [moved], histories: NO_HISTORY });
  assert.equal(tasks()[0]?.reference, moved.reference);
  stop();
});

test("the end of the work takes the pull and the timers with it", () => {
  const { pulls, grant, send, state, clock, stop } = nodeAtWork(["weekly", "daily"]);
  grant();
  send({ type: "work.ended" });
  assert.equal(state(), "finished");
  assert.equal(pulls.running.size, 0);
  assert.equal(clock.pending, 0);
  stop();
});

test("a node that may not be pulled to any more loses its pull", () => {
  const { pulls, grant, send, state, stop } = nodeAtWork(["weekly"]);
  grant();
  send({ type: "node.tainted" });
  assert.equal(state(), "ineligible");
  assert.equal(pulls.running.size, 0);
  stop();
});

test("an outside prepuller's reports move the same states; it may pull several images at once", () => {
  const { report, state, tasks, news, stop } = nodeAtWork(["recommended", "weekly"], { mode: "outside" });
  news();
  report("recommended", "PULLING");
  report("weekly", "PULLING");
  assert.equal(state(), "pulling");
  report("weekly", "PULLING", "", "layer 3 of 12");
  assert.equal(tasks()[1]?.message, "layer 3 of 12");
  report("weekly", "FAILED", "Evicted", "no room");
  assert.equal(state(), "pulling");
  report("recommended", "SUCCEEDED");
  assert.equal(state(), "backingOff");
  assert.deepEqual(news(), ["task.started", "task.started", "task.changed", "task.failed", "task.succeeded"]);
  const [weekly] = tasks();
  assert.deepEqual(
    {
      state: weekly?.state,
      reason: weekly?.reason,
      nextAttemptTime: weekly?.nextAttemptTime,
      attempts: weekly?.attempts,
    },
    { state: "FAILED", reason: "Evicted", nextAttemptTime: null, attempts: 1 },
  );
  report("weekly", "PULLING");
  report("weekly", "CANCELLED", "", "given up");
  assert.equal(tasks()[0]?.state, "CANCELLED");
  report("weekly", "WAITING");
  assert.equal(state(), "waiting");
  report("unknown", "PULLING");
  assert.deepEqual(news(), ["task.started", "task.cancelled", "task.changed", "node.waiting", "node.waiting"]);
  stop();
});

test("an outside pull that nothing more is heard of has failed after the time-out", async () => {
  const { report, tasks, clock, stop } = nodeAtWork(["weekly"], { mode: "outside" });
  report("weekly", "PULLING");
  await clock.advance(600_000 + PULL_GRACE);
  assert.equal(tasks()[0]?.reason, "DeadlineExceeded");
  stop();
});

/** For tests that run nothing: somebody to name as the parent. */
const nobody = createActor(fromCallback(() => undefined));

test("every state is reached, and every path ends in order", () => {
  const clock = manualClock();
  const input = inputOf(nobody, nodeSettings(clock), ["recommended", "weekly"]);
  const events: NodePrepullEvent[] = [
    { type: "pull.granted" },
    { type: "pull.succeeded" },
    { type: "pull.failed", failure: { failureClass: "other", reason: "ErrImagePull", message: "" } },
    { type: "work.changed", targets: [], histories: NO_HISTORY },
    { type: "work.ended" },
    { type: "node.tainted" },
  ];
  const serializeState = (snapshot: { value: unknown; context: { tasks: readonly { state: string }[] } }) =>
    JSON.stringify([snapshot.value, snapshot.context.tasks.map(({ state }) => state)]);
  const paths = getShortestPaths(nodePrepullMachine, { input, events, serializeState });
  const reached = new Set(paths.map(({ state }) => String(state.value)));
  for (const state of ["waiting", "pulling", "backingOff", "finished", "ineligible"]) {
    assert.ok(reached.has(state), state);
  }
  for (const { state } of paths) {
    const pulling = state.context.tasks.filter((task) => task.state === "PULLING").length;
    if (state.status === "active") assert.equal(pulling, state.value === "pulling" ? 1 : 0);
  }
});

test("the transitions are pure: a start gives the invocation and the news as actions", () => {
  const clock = manualClock();
  const input = inputOf(nobody, nodeSettings(clock), ["weekly"]);
  const [waiting] = initialTransition(nodePrepullMachine, input);
  const [pulling, actions] = transition(nodePrepullMachine, waiting, { type: "pull.granted" });
  assert.equal(waiting.context.tasks[0]?.state, "WAITING", "the state before is as it was");
  assert.equal(pulling.value, "pulling");
  const types = actions.map(({ type }) => type);
  assert.ok(types.includes("xstate.spawnChild") && types.includes("xstate.sendTo"), types.join(" "));
});
