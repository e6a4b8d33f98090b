import assert from "node:assert/strict";
import { test } from "node:test";
import { type AnyEventObject, createActor, enqueueActions, fromCallback, fromPromise, setup } from "xstate";
import type { PrepullState } from "../../src/domain/answers.ts";
import { NO_WORK } from "../../src/domain/prepull-work.ts";
import type { RecoveredPull } from "../../src/domain/pull.ts";
import { nodeGroupMachine } from "../../src/machines/node-group.ts";
import { nodePrepullMachine } from "../../src/machines/node-prepull.ts";
import { leaveOrphans } from "../../src/machines/orphans.ts";
import { prepullerMachine, type RecoverInput } from "../../src/machines/prepuller.ts";
import type { PrepullerSettings } from "../../src/machines/prepuller-state.ts";
import { actorClock } from "../support/actor-clock.ts";
import { digest } from "../support/image-world.ts";
import { manualClock } from "../support/manual-clock.ts";
import {
  type HeldPulls,
  heldPulls,
  prepullerSettings,
  timesOf,
  type WorkContent,
  workWith,
} from "../support/prepull-world.ts";

/** What the effect `recover` answers, one after the other; nothing is found where it is empty. */
type Recoveries = (readonly RecoveredPull[] | Error)[];

function nodesPulling({ logic }: HeldPulls) {
  return nodeGroupMachine.provide({ actors: { node: nodePrepullMachine.provide({ actors: { pull: logic } }) } });
}

/** A prepuller under a parent that writes down what it is told; this replica leads unless `leading` is false. */
function prepuller(changes: Partial<PrepullerSettings> = {}, { leading = true, random = (): number => 0 } = {}) {
  const clock = manualClock();
  const pulls = heldPulls();
  const told: AnyEventObject[] = [];
  const recoveries: Recoveries = [];
  const recovered: RecoverInput[] = [];
  let lead: (leads: boolean) => void = () => undefined;
  const machine = prepullerMachine.provide({
    actors: {
      group: nodesPulling(pulls),
      leadership: fromCallback<AnyEventObject>(({ sendBack }) => {
        lead = (leads) => sendBack({ type: leads ? "leadership.gained" : "leadership.lost" });
        lead(leading);
      }),
      recover: fromPromise<readonly RecoveredPull[], RecoverInput>(async ({ input }) => {
        recovered.push(input);
        const next = recoveries.shift() ?? [];
        if (next instanceof Error) throw next;
        return next;
      }),
    },
  });
  const input = { settings: prepullerSettings(changes), work: NO_WORK, now: timesOf(clock), random };
  const parent = setup({
    actors: { prepuller: machine },
    actions: { write: ({ event }) => told.push(event.type === "prepull.told" ? event["news"] : event) },
  }).createMachine({ invoke: { id: "prepuller", src: "prepuller", input }, on: { "*": { actions: "write" } } });
  const actor = createActor(parent, { clock: actorClock(clock) }).start();
  const child = actor.getSnapshot().children["prepuller"];
  assert.ok(child);
  return {
    clock,
    pulls,
    recoveries,
    recovered,
    stop: () => actor.stop(),
    lead: (leads: boolean) => lead(leads),
    /** The work is this now; what follows from it has happened when the promise settles. */
    async work(content: WorkContent): Promise<void> {
      child.send({ type: "work.changed", work: workWith(content) });
      await clock.advance(0);
    },
    report: (node: string, name: string, state: PrepullState) =>
      child.send({
        type: "pull.reported",
        report: { digest: digest(name), node, state, reason: "", message: "" },
      }),
    context: () => child.getSnapshot().context,
    /** How many actors there are below the prepuller, effects included. */
    children: () => Object.keys(child.getSnapshot().children).length,
    news: () => told.splice(0),
    types(): readonly string[] {
      const types = told.splice(0).map(({ type }) => type);
      return types.filter((type) => type !== "progress.changed");
    },
  };
}

function nodes(count: number, names: readonly string[]): Record<string, readonly string[]> {
  return Object.fromEntries(Array.from({ length: count }, (_, at) => [`n${at}`, names]));
}

test("nodes are pulled to within the cap, and the next begins when one is done: no node waits for another", async () => {
  const { pulls, work, context, stop } = prepuller();
  await work({ lacking: nodes(3, ["recommended", "weekly"]) });
  assert.deepEqual(pulls.started, [`n0 ${digest("recommended")}`, `n1 ${digest("recommended")}`]);
  pulls.succeed("n0", "recommended");
  assert.deepEqual(pulls.started.at(-1), `n2 ${digest("recommended")}`);
  pulls.succeed("n2", "recommended");
  assert.deepEqual(pulls.started.at(-1), `n0 ${digest("weekly")}`);
  assert.equal(context().running.size, 2, "n1 hangs, and the others go on");
  stop();
});

test("the cap is one whatever hangs: a pull that many others overtake keeps its turn", async () => {
  const { pulls, work, context, stop } = prepuller();
  await work({ lacking: nodes(30, ["weekly"]) });
  const hanging = pulls.started[0]?.split(" ")[0];
  for (let done = 0; done < 28; done++) {
    const other = [...pulls.running.keys()].map((key) => key.split(" ")[0]).find((node) => node !== hanging);
    pulls.succeed(other ?? "", "weekly");
    assert.equal(context().running.size, 2);
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

test("a success marks that very node, and is told", async () => {
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

test("an actor that has finished is gone, and comes again with new work", async () => {
  const { pulls, work, context, clock, children, stop } = prepuller();
  await work({ lacking: { n0: ["weekly"] } });
  const before = children();
  pulls.succeed("n0", "weekly");
  await work({ lacking: {} });
  assert.equal(context().actors.size, 0);
  assert.equal(children(), before - 1);
  await work({ lacking: { n0: ["daily"] } });
  assert.deepEqual([...pulls.running.keys()], [`n0 ${digest("daily")}`]);
  stop();
  assert.equal(clock.pending, 0);
});

test("a node that leaves takes its actor, its pull and its timers with it", async () => {
  const { pulls, work, context, clock, types, stop } = prepuller();
  await work({ lacking: nodes(2, ["weekly"]) });
  pulls.fail("n1", "weekly");
  const pending = clock.pending;
  types();
  await work({ lacking: {} });
  assert.equal(pulls.running.size, 0);
  assert.equal(context().actors.size, 0);
  assert.equal(context().running.size, 0);
  assert.deepEqual(types(), ["pull.cancelled", "failure.dropped"]);
  assert.ok(clock.pending < pending);
  stop();
});

test("a node made again under its name is another node: its pull is cancelled and begins anew (K5)", async () => {
  const { pulls, work, context, stop } = prepuller();
  await work({ lacking: { n0: ["weekly"] } });
  await work({ lacking: { n0: ["weekly"] }, uids: { n0: "another" } });
  const [pull] = pulls.running.values();
  assert.equal(pulls.running.size, 1);
  assert.equal(pull?.order.nodeUid, "another");
  assert.equal(context().actors.get("n0")?.uid, "another");
  stop();
});

test("a node that is not eligible any more has its pull cancelled, and its failures are remembered", async () => {
  const { pulls, work, context, clock, stop } = prepuller();
  await work({ lacking: { n0: ["weekly", "daily"] } });
  pulls.fail("n0", "weekly");
  assert.equal(pulls.running.size, 1, "the next image is being pulled");
  await work({ lacking: {}, ineligible: ["n0"] });
  assert.equal(pulls.running.size, 0);
  const shown = [...context().ended.values()].map(({ progress }) => `${progress.state} ${progress.message}`);
  const tainted = "CANCELLED Node is tainted (NoSchedule, node.kubernetes.io/unschedulable)";
  assert.deepEqual(shown, [tainted, tainted]);
  await work({ lacking: { n0: ["weekly", "daily"] } });
  const tasks = context().actors.get("n0")?.ref.getSnapshot().context.tasks ?? [];
  assert.deepEqual(
    tasks.map(({ state, failures }) => [state, failures]),
    [
      ["FAILED", 1],
      ["PULLING", 0],
    ],
  );
  await clock.advance(0);
  stop();
});

test("an image that comes to the node by another way while it is pulled has succeeded", async () => {
  const { pulls, work, context, types, stop } = prepuller();
  await work({ lacking: { n0: ["weekly"] } });
  await work({ lacking: {}, complete: { n0: ["weekly"] } });
  assert.equal(pulls.running.size, 0);
  assert.deepEqual(types().slice(-1), ["pull.succeeded"]);
  assert.deepEqual(
    [...context().ended.values()].map(({ progress }) => progress.state),
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

test("an image that does not stay is thrashing: it is told and waits longer and longer", async () => {
  const { pulls, work, news, context, clock, stop } = prepuller();
  for (let time = 0; time < 3; time++) {
    await work({ lacking: { n0: ["weekly"] } });
    pulls.succeed("n0", "weekly");
    await work({ lacking: {} });
  }
  news();
  await work({ lacking: { n0: ["weekly"] } });
  assert.equal(pulls.running.size, 0);
  assert.ok(news().some(({ type }) => type === "image.thrashing"));
  const [task] = context().actors.get("n0")?.ref.getSnapshot().context.tasks ?? [];
  assert.equal(task?.reason, "Thrashing");
  await clock.advance(600_000);
  assert.equal(pulls.running.size, 1);
  stop();
});

test("only the leader pulls, after what was left over has been seen to", async () => {
  const { pulls, work, lead, recovered, recoveries, types, stop } = prepuller({}, { leading: false });
  await work({ lacking: { n0: ["weekly"], n1: ["weekly"] } });
  assert.equal(pulls.started.length, 0);
  recoveries.push([{ node: "n1", nodeUid: "uid-n1", digest: digest("weekly") }]);
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
  const { pulls, work, lead, context, clock, types, stop } = prepuller();
  await work({ lacking: nodes(3, ["weekly"]) });
  types();
  lead(false);
  assert.equal(pulls.running.size, 0);
  assert.equal(context().actors.size, 0);
  assert.equal(clock.pending, 0);
  assert.deepEqual(types(), ["pull.cancelled", "pull.cancelled", "work.abandoned", "leadership.changed"]);
  await work({ lacking: nodes(4, ["weekly"]) });
  assert.equal(pulls.running.size, 0);
  lead(true);
  await clock.advance(0);
  assert.equal(pulls.running.size, 2);
  stop();
});

test("whoever leads again knows what has failed before, and of what has changed meanwhile", async () => {
  const { pulls, work, lead, context, types, stop } = prepuller({ maxConcurrentPulls: 1 });
  await work({ lacking: nodes(3, ["weekly"]) });
  pulls.fail("n0", "weekly");
  lead(false);
  types();
  await work({ lacking: { n0: ["weekly"], n2: ["daily"] } });
  assert.deepEqual([context().actors.size, types()], [0, []], "nothing is done meanwhile");
  lead(true);
  await work({ lacking: { n0: ["weekly"], n2: ["daily"] } });
  assert.equal(context().actors.get("n0")?.ref.getSnapshot().context.tasks[0]?.failures, 1);
  assert.deepEqual(new Set(context().actors.keys()), new Set(["n0", "n2"]));
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
  recoveries.push(new Error("no API server"), []);
  await clock.advance(600_000);
  assert.equal(recovered.length, 2);
  assert.ok(types().includes("recovery.failed"));
  await work({ lacking: { n0: ["weekly"] } });
  assert.equal(pulls.running.size, 1, "a sweep that fails stops nothing");
  await clock.advance(600_000);
  assert.equal(recovered.length, 3);
  stop();
});

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
      recover: fromPromise<readonly RecoveredPull[], RecoverInput>(() => Promise.resolve([])),
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
