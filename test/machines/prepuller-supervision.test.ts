import assert from "node:assert/strict";
import { test } from "node:test";
import { type AnyEventObject, createActor, enqueueActions, fromCallback, fromPromise, setup } from "xstate";
import { leaveOrphans } from "../../src/machines/prepuller/orphans.ts";
import { prepullerMachine } from "../../src/machines/prepuller/prepuller.ts";
import type { Recovered, RecoverInput } from "../../src/machines/prepuller/prepuller-events.ts";
import { actorClock } from "../support/actor-clock.ts";
import { digest } from "../support/image-world.ts";
import { manualClock } from "../support/manual-clock.ts";
import { heldPulls, prepullerSettings, timesOf, workWith } from "../support/prepull-world.ts";
import { nodes, nodesPulling, prepuller } from "../support/prepuller-world.ts";

test("an outside prepuller's reports are followed, for a node whose actor has not begun yet, too", async () => {
  const { pulls, work, report, types, context, stop } = prepuller({ mode: "outside" });
  await work({ lacking: nodes(250, ["weekly"]) });
  assert.ok(context().actors.size < 250);
  report("n249", "weekly", "PULLING");
  report("n249", "weekly", "SUCCEEDED");
  report("nobody", "weekly", "SUCCEEDED");
  assert.deepEqual(types(), ["pull.started", "pull.succeeded", "image.prepulled"]);
  assert.equal(pulls.started.length, 1, "the effect, which does nothing outside, is the same");
  assert.equal(context().granted, 0);
  stop();
});

test("a node whose actor breaks gets another one, and the others never notice (P6)", async () => {
  const defects = new Set<"random">();
  const random = (): number => {
    if (defects.has("random")) throw new Error("a defect of the test's making");
    return 0;
  };
  const { pulls, work, types, context, clock, stop } = prepuller({}, { random });
  await work({ lacking: nodes(3, ["weekly"]) });
  types();
  defects.add("random");
  pulls.fail("n0", "weekly");
  defects.clear();
  assert.ok(types().includes("node.broke"));
  assert.deepEqual(pulls.dropped, [`n0 ${digest("weekly")}`], "its pull is left as it is");
  assert.ok(pulls.running.has(`n2 ${digest("weekly")}`), "its turn goes to another node");
  await clock.advance(5_001);
  assert.ok(context().actors.has("n0"));
  stop();
});

test("5,000 nodes begin in slices, never more at once, and end without a trace", async () => {
  const { pulls, work, context, clock, children, stop } = prepuller({ maxConcurrentPulls: 20 });
  const before = clock.pending;
  const bare = children();
  const lacking = nodes(5_000, ["weekly"]);
  await work({ lacking });
  let largest = 0;
  for (let last = 0; context().actors.size < 5_000; last = context().actors.size) {
    await clock.advance(1);
    largest = Math.max(largest, context().actors.size - last);
  }
  assert.ok(largest <= 200, `${largest} at once`);
  assert.equal(pulls.running.size, 20);
  await work({ lacking: {} });
  await clock.advance(200);
  assert.equal(context().actors.size, 0);
  assert.equal(pulls.running.size, 0);
  assert.equal(context().groups.size, 0);
  assert.ok(children() <= bare && clock.pending <= before + 1, "no actor and no timer is left");
  stop();
  assert.equal(clock.pending, 0);
});

test("a prepuller whose own transition throws leaves no actor, no timer and no pull behind (P6)", async () => {
  const clock = manualClock();
  const pulls = heldPulls();
  const errors: unknown[] = [];
  const machine = prepullerMachine.provide({
    actors: {
      group: nodesPulling(pulls),
      leadership: fromCallback<AnyEventObject>(({ sendBack }) => sendBack({ type: "leadership.gained" })),
      recover: fromPromise<Recovered, RecoverInput>(() => Promise.resolve({ pulls: [], refusal: null })),
    },
    actions: {
      tellFailure: () => {
        throw new Error("a defect of the test's making");
      },
    },
  });
  const work = workWith({ lacking: nodes(4, ["weekly"]) });
  const input = { settings: prepullerSettings(), work, now: timesOf(clock), random: () => 0 };
  const parent = setup({
    actors: { prepuller: machine },
    actions: {
      note: ({ event }) => void errors.push(event),
      leave: enqueueActions(({ self, enqueue }) => leaveOrphans(self.getSnapshot().children["prepuller"], enqueue)),
    },
  }).createMachine({
    initial: "running",
    states: {
      running: {
        invoke: { id: "prepuller", src: "prepuller", input, onError: { target: "broken", actions: ["note", "leave"] } },
      },
      broken: {},
    },
  });
  const actor = createActor(parent, { clock: actorClock(clock) }).start();
  await clock.advance(0);
  assert.equal(pulls.running.size, 2);
  pulls.fail("n0", "weekly");
  assert.equal(errors.length, 1);
  assert.equal(pulls.running.size, 0);
  assert.deepEqual(pulls.dropped, [`n1 ${digest("weekly")}`], "left as it is, for the next prepuller to adopt");
  assert.equal(clock.pending, 0);
  actor.stop();
});
