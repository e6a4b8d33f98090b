import assert from "node:assert/strict";
import { test } from "node:test";
import { type AnyEventObject, createActor, fromCallback, fromPromise, setup } from "xstate";
import { prepullerMachine } from "../../src/machines/prepuller/prepuller.ts";
import type { Recovered, RecoverInput } from "../../src/machines/prepuller/prepuller-events.ts";
import { actorClock } from "../support/actor-clock.ts";
import { digest } from "../support/image-world.ts";
import { manualClock } from "../support/manual-clock.ts";
import { heldPulls, prepullerSettings, timesOf, workWith } from "../support/prepull-world.ts";
import { nodes, prepuller } from "../support/prepuller-world.ts";

test("an outside prepuller's reports are followed, for a node that has not been seen to yet, too", async () => {
  const { pulls, work, report, types, state, stop } = prepuller({ mode: "outside" });
  await work({ lacking: nodes(250, ["weekly"]) });
  assert.ok(state().nodes.size < 250);
  report("n249", "weekly", "PULLING");
  report("n249", "weekly", "SUCCEEDED");
  report("nobody", "weekly", "SUCCEEDED");
  assert.deepEqual(types(), ["pull.started", "pull.succeeded", "image.prepulled"]);
  assert.equal(pulls.started.length, 0);
  stop();
});

test("an outside prepuller's pull that nothing more is heard of has failed after the time-out", async () => {
  const { work, report, types, records, clock, stop } = prepuller({ mode: "outside", pullTimeout: 60_000 });
  await work({ lacking: { n0: ["weekly"] } });
  types();
  report("n0", "weekly", "PULLING");
  await clock.advance(69_999);
  assert.deepEqual(types(), ["pull.started"]);
  await clock.advance(1);
  assert.deepEqual(types(), ["pull.failed"]);
  assert.equal(records("n0")[0]?.reason, "DeadlineExceeded");
  stop();
});

test("a node whose pull crashes begins again after a while, and the others never notice (P6)", async () => {
  const { pulls, work, types, state, children, clock, stop } = prepuller();
  await work({ lacking: nodes(1, ["weekly"]) });
  types();
  const before = children();
  pulls.breakNext();
  await work({ lacking: nodes(3, ["weekly"]) });
  assert.deepEqual(types(), ["pull.started", "pull.detached", "node.broke", "pull.started"]);
  assert.deepEqual([state().pulls.size, children()], [2, before + 1], "its turn goes to another node");
  assert.ok(!state().nodes.has("n1"));
  await clock.advance(4_999);
  assert.ok(!state().nodes.has("n1"));
  await clock.advance(2);
  assert.ok(state().nodes.has("n1"));
  pulls.succeed("n0", "weekly");
  assert.ok(pulls.running.has(`n1 ${digest("weekly")}`));
  stop();
});

test("5,000 nodes are seen to a few dozen at a time, and end without a trace", async () => {
  const { pulls, work, state, clock, children, stop } = prepuller({ maxConcurrentPulls: 20 });
  const before = clock.pending;
  const bare = children();
  await work({ lacking: nodes(5_000, ["weekly"]) });
  let largest = 0;
  for (let last = 0; state().nodes.size < 5_000; last = state().nodes.size) {
    await clock.advance(1);
    largest = Math.max(largest, state().nodes.size - last);
  }
  assert.ok(largest <= 100, `${largest} at once`);
  await clock.advance(1);
  assert.equal(pulls.running.size, 20);
  await work({ lacking: {} });
  await clock.advance(200);
  assert.equal(state().nodes.size, 0);
  assert.equal(pulls.running.size, 0);
  assert.ok(children() <= bare && clock.pending <= before + 1, "no actor and no timer is left");
  stop();
  assert.equal(clock.pending, 0);
});

test("a prepuller whose own step throws breaks alone: no timer stays, and its pulls are left as they are (P6)", async () => {
  const clock = manualClock();
  const pulls = heldPulls();
  const errors: unknown[] = [];
  const defects = new Set<"random">();
  const machine = prepullerMachine.provide({
    actors: {
      pull: pulls.logic,
      leadership: fromCallback<AnyEventObject>(({ sendBack }) => sendBack({ type: "leadership.gained" })),
      recover: fromPromise<Recovered, RecoverInput>(() =>
        Promise.resolve({ ended: [], inProgress: [], refusal: null }),
      ),
    },
  });
  const work = workWith({ lacking: nodes(4, ["weekly"]) });
  const random = () => {
    if (defects.has("random")) throw new Error("a defect of the test's making");
    return 0;
  };
  const input = { settings: prepullerSettings(), work, now: timesOf(clock), random };
  const parent = setup({
    actors: { prepuller: machine },
    actions: { note: ({ event }) => void errors.push(event) },
  }).createMachine({
    initial: "running",
    states: {
      running: { invoke: { id: "prepuller", src: "prepuller", input, onError: { target: "broken", actions: "note" } } },
      broken: {},
    },
  });
  const actor = createActor(parent, { clock: actorClock(clock) }).start();
  await clock.advance(0);
  assert.equal(pulls.running.size, 2);
  defects.add("random");
  pulls.fail("n0", "weekly");
  assert.equal(errors.length, 1);
  assert.equal(pulls.running.size, 1, "nobody has ended it: the next prepuller's leadership releases it");
  actor.stop();
});
