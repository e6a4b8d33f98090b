import assert from "node:assert/strict";
import { test } from "node:test";
import { MOST_GATES } from "../../src/machines/coordinator.ts";
import { coordinatorWorld } from "../support/coordinator-world.ts";
import { catalogOf, digest, imageSettings, listing } from "../support/image-world.ts";

const HAS_ALL = { images: { a: 2, b: 1 } };
type World = ReturnType<typeof coordinatorWorld>;

function openings({ news }: World): readonly string[] {
  return news().flatMap((one) => (one.type === "gates.opened" ? [one.cause] : []));
}

/** A world after its first refresh, with a caller that has heard of it. */
function attached(options?: Parameters<typeof coordinatorWorld>[0]): World {
  const world = coordinatorWorld(options);
  world.succeed({ n1: HAS_ALL });
  world.attach(1);
  world.ready(1);
  world.heard();
  world.news();
  return world;
}

test("a refresh opens all gates, one that fails opens none", () => {
  const world = coordinatorWorld();
  world.attach(1, "one");
  world.attach(2, "two");
  world.succeed();
  assert.deepEqual(world.heard(), ["1 STARTUP 0", "2 STARTUP 0"]);
  world.ready(1, "one");
  world.demand();
  world.nodes.tell({ type: "nodes.listed" });
  world.images.tell({ type: "images.listed", catalog: catalogOf(imageSettings(), []) });
  assert.deepEqual(world.heard(), ["1 REQUESTED 0"]);
  world.stop();
});

test("the snapshot is the new one when the gates tell of it", () => {
  const world = coordinatorWorld();
  world.attach(1);
  world.succeed();
  const told = world.news().map(({ type }) => type);
  assert.ok(told.indexOf("snapshot.replaced") < told.indexOf("gates.opened"));
  assert.equal(world.state().lastOpening?.generation, world.state().snapshot?.generation);
  world.stop();
});

test("a gate that is new tells its first caller of the last data refresh", () => {
  const world = attached();
  world.attach(2, "new");
  assert.deepEqual(world.heard(), ["2 STARTUP 0"]);
  world.stop();
});

test("a caller that resumes from the last opening waits, from an older one is told", () => {
  const world = attached();
  world.attach(2, "new", "", 1);
  assert.deepEqual(world.heard(), []);
  world.attach(3, "other", "", 0);
  assert.deepEqual(world.heard(), ["3 STARTUP 0"]);
  world.stop();
});

test("generations that came without an opening do not count for a caller that resumes", async () => {
  const world = attached();
  world.send({ type: "image.prepulled", digest: digest("a"), node: "n1", markedAt: 0 });
  world.report("n1", { images: { a: 2, b: 1, x: 1 } });
  assert.equal(world.state().snapshot?.generation, 2);
  world.attach(2, "new", "", 1);
  assert.deepEqual(world.heard(), []);
  world.stop();
});

test("a second caller of a gate is refused, one of the same holder takes over", () => {
  const world = attached();
  world.attach(2);
  world.attach(3, "held", "me");
  world.attach(4, "held", "me");
  assert.deepEqual(world.heard(), ["2 busy", "3 STARTUP 0", "3 taken-over", "4 STARTUP 0"]);
  world.stop();
});

test("a gate without caller stays, and remembers", () => {
  const world = attached();
  world.leave(1);
  world.demand();
  world.succeed();
  world.attach(2);
  assert.deepEqual(world.heard(), ["2 REQUESTED 0"]);
  world.stop();
});

test("there are 16 gates; a further one is refused while each has a caller", () => {
  const world = attached();
  for (let caller = 2; caller <= MOST_GATES; caller++) world.attach(caller, `gate ${caller}`);
  world.heard();
  world.attach(90, "one too many");
  assert.deepEqual(world.heard(), ["90 refused"]);
  world.attach(91, "gate 2");
  assert.deepEqual(world.heard(), ["91 busy"]);
  world.stop();
});

test("the gate that was attached to longest ago gives way to a new one, if it has no caller", () => {
  const world = attached();
  for (let caller = 2; caller <= MOST_GATES; caller++) world.attach(caller, `gate ${caller}`);
  for (const caller of [4, 3]) {
    world.ready(caller, `gate ${caller}`);
    world.leave(caller, `gate ${caller}`);
  }
  world.attach(50, "gate 3");
  world.ready(50, "gate 3");
  world.leave(50, "gate 3");
  world.heard();
  world.attach(90, "newer");
  assert.deepEqual(world.heard(), ["90 STARTUP 0"]);
  world.attach(91, "gate 3");
  assert.deepEqual(world.heard(), [], "gate 3 was attached to after gate 4, and has its memory still");
  world.attach(92, "gate 4");
  assert.deepEqual(world.heard(), ["92 refused"]);
  world.leave(90, "newer");
  world.attach(93, "gate 4");
  assert.deepEqual(world.heard(), ["93 STARTUP 0"], "an evicted gate is made anew, and misses nothing");
  world.stop();
});

test("what is said of a gate that is not there is ignored", () => {
  const world = attached();
  world.ready(1, "nowhere");
  world.leave(1, "nowhere");
  assert.deepEqual(world.heard(), []);
  world.stop();
});

test("a change that adds to what is missing opens the gates after a short while, once for many", async () => {
  const world = attached();
  world.report("n2");
  await world.clock.advance(100);
  world.report("n3");
  await world.clock.advance(149);
  assert.deepEqual(world.heard(), []);
  await world.clock.advance(1);
  assert.deepEqual(world.heard(), ["1 NODES_CHANGED 0"]);
  assert.equal(world.state().lastOpening?.generation, 3);
  await world.clock.advance(1_000);
  assert.deepEqual(openings(world), ["NODES_CHANGED"]);
  world.stop();
});

test("a change after that starts another while", async () => {
  const world = attached();
  for (const name of ["n2", "n3"]) {
    world.report(name);
    await world.clock.advance(250);
  }
  assert.deepEqual(openings(world), ["NODES_CHANGED", "NODES_CHANGED"]);
  world.stop();
});

test("other changes, and marks, open no gate", async () => {
  const world = attached();
  world.report("n2", HAS_ALL);
  world.report("n1", { images: { a: 2, b: 1, x: 1 } });
  world.send({ type: "image.prepulled", digest: digest("a"), node: "n1", markedAt: 0 });
  world.send({ type: "nodes.changed", changes: [{ type: "node.removed", name: "n2", uid: "uid-n2", observedAt: 0 }] });
  await world.clock.advance(1_000);
  assert.deepEqual(world.heard(), []);
  world.stop();
});

test("a mark that completes what a change made missing does not take the opening back", async () => {
  const world = attached();
  world.report("n2", { images: { b: 1 } });
  world.send({ type: "image.prepulled", digest: digest("a"), node: "n2", markedAt: 0 });
  await world.clock.advance(250);
  assert.deepEqual(world.heard(), ["1 NODES_CHANGED 0"]);
  world.stop();
});

test("a refresh that ends while changes are gathered opens the gates for both, once", async () => {
  const world = attached();
  world.demand();
  world.report("n2");
  world.succeed({ n1: {}, n2: {} });
  assert.deepEqual(world.heard(), ["1 REQUESTED 0"]);
  await world.clock.advance(1_000);
  assert.deepEqual(openings(world), ["REQUESTED"]);
  world.report("n3");
  await world.clock.advance(250);
  assert.deepEqual(openings(world), ["NODES_CHANGED"]);
  world.stop();
});

test("a refresh that fails while changes are gathered does not keep them from opening the gates", async () => {
  const world = attached();
  world.demand();
  world.report("n2");
  world.images.breakNext();
  world.demand();
  await world.clock.advance(250);
  assert.deepEqual(world.heard(), ["1 NODES_CHANGED 0"]);
  world.stop();
});

test("a new recommended digest is a refresh like any other: it opens the gates with its own cause", () => {
  const world = attached();
  world.demand();
  world.succeed({ n1: HAS_ALL }, catalogOf(imageSettings({ numWeeklies: 2 }), listing(["w_2077_44", "z"])));
  assert.deepEqual(world.heard(), ["1 REQUESTED 0"]);
  world.stop();
});

test("a gate that breaks is made anew, its callers are ended, and the others stay", () => {
  const world = coordinatorWorld({ gateBreaks: true });
  world.attach(1, "broken.gate");
  world.attach(2, "fine");
  world.heard();
  world.leave(2, "fine");
  world.succeed();
  const broken = world.news().flatMap((one) => (one.type === "actor.broke" ? [one.actor] : []));
  assert.deepEqual(broken, ["gate:broken.gate"]);
  assert.deepEqual(world.heard(), ["all of broken.gate ended"]);
  assert.deepEqual(world.errors, []);
  assert.equal(world.state().snapshot?.generation, 1);
  world.attach(3, "broken.gate", "", 1);
  assert.deepEqual(world.news(), [], "the new gate waits for the next opening");
  world.stop();
});
