import assert from "node:assert/strict";
import { test } from "node:test";
import { RegistryUnavailableError } from "../../src/domain/errors.ts";
import { coordinatorWorld } from "../support/coordinator-world.ts";
import { catalogOf, digest, imageSettings, listing } from "../support/image-world.ts";

const HAS_ALL = { images: { a: 2, b: 1 } };
type World = ReturnType<typeof coordinatorWorld>;

/** Cause and generation of the openings since the last look. */
function openings({ news }: World): readonly string[] {
  return news().flatMap((one) => (one.type === "gates.opened" ? [`${one.cause} ${one.generation}`] : []));
}

/** A world after its first refresh. */
function refreshed(): World {
  const world = coordinatorWorld();
  world.succeed({ n1: HAS_ALL });
  assert.deepEqual(openings(world), ["STARTUP 1"]);
  return world;
}

test("a refresh opens the gates, one that fails does not", () => {
  const world = refreshed();
  world.demand();
  world.succeed();
  assert.deepEqual(openings(world), ["REQUESTED 2"]);
  world.demand();
  world.nodes.tell({ type: "nodes.listed" });
  world.images.tell({ type: "images.failed", error: new RegistryUnavailableError("no registry") });
  assert.deepEqual(openings(world), []);
  world.stop();
});

test("the snapshot is emitted before the gates open for it, and the refresh settles last", () => {
  const world = coordinatorWorld();
  world.succeed();
  const types = world.news().map(({ type }) => type);
  assert.deepEqual(types, ["refresh.started", "snapshot.replaced", "gates.opened", "refresh.settled"]);
  assert.equal(world.state().lastOpening?.generation, world.state().snapshot?.generation);
  world.stop();
});

test("the prepuller has the work of a snapshot when the snapshot is emitted", () => {
  const seen: [string, number | undefined][] = [];
  const world = coordinatorWorld({ onEmit: ({ type }, work) => seen.push([type, work?.nodes.length]) });
  world.succeed({ n1: {} });
  const replaced = seen.filter(([type]) => type === "snapshot.replaced");
  assert.deepEqual(replaced, [["snapshot.replaced", 1]]);
  world.stop();
});

test("an event that changes nothing that is published emits nothing", () => {
  const world = refreshed();
  world.news();
  world.report("n1", HAS_ALL);
  world.send({ type: "watch.recovered" });
  assert.deepEqual(world.news(), []);
  world.stop();
});

test("a change that adds to what is missing opens the gates after a short while, once for many", async () => {
  const world = refreshed();
  world.report("n2");
  await world.clock.advance(100);
  world.report("n3");
  await world.clock.advance(149);
  assert.deepEqual(openings(world), []);
  await world.clock.advance(1);
  assert.deepEqual(openings(world), ["NODES_CHANGED 3"]);
  await world.clock.advance(1_000);
  assert.deepEqual(openings(world), []);
  world.stop();
});

test("a change after that starts another while", async () => {
  const world = refreshed();
  for (const name of ["n2", "n3"]) {
    world.report(name);
    await world.clock.advance(250);
  }
  assert.deepEqual(openings(world), ["NODES_CHANGED 2", "NODES_CHANGED 3"]);
  world.stop();
});

test("other changes, and marks, open no gate", async () => {
  const world = refreshed();
  world.report("n2", HAS_ALL);
  world.report("n1", { images: { a: 2, b: 1, x: 1 } });
  world.send({ type: "image.prepulled", digest: digest("a"), node: "n1", markedAt: 0 });
  world.send({ type: "nodes.changed", changes: [{ type: "node.removed", name: "n2", uid: "uid-n2", observedAt: 0 }] });
  await world.clock.advance(1_000);
  assert.deepEqual(openings(world), []);
  world.stop();
});

test("a mark that completes what a change made missing does not take the opening back", async () => {
  const world = refreshed();
  world.report("n2", { images: { b: 1 } });
  world.send({ type: "image.prepulled", digest: digest("a"), node: "n2", markedAt: 0 });
  await world.clock.advance(250);
  assert.deepEqual(openings(world), ["NODES_CHANGED 3"]);
  world.stop();
});

test("a refresh that ends while changes are gathered opens the gates for both, once", async () => {
  const world = refreshed();
  world.demand();
  world.report("n2");
  world.succeed({ n1: {}, n2: {} });
  assert.deepEqual(openings(world), ["REQUESTED 3"]);
  await world.clock.advance(1_000);
  assert.deepEqual(openings(world), []);
  world.report("n3");
  await world.clock.advance(250);
  assert.deepEqual(openings(world), ["NODES_CHANGED 4"]);
  world.stop();
});

test("a refresh that fails while changes are gathered does not keep them from opening the gates", async () => {
  const world = refreshed();
  world.demand();
  world.report("n2");
  world.images.breakNext();
  world.demand();
  await world.clock.advance(250);
  assert.deepEqual(openings(world), ["NODES_CHANGED 2"]);
  world.stop();
});

test("a new recommended digest is a refresh like any other: it opens the gates with its own cause", () => {
  const world = refreshed();
  world.demand();
  world.succeed({ n1: HAS_ALL }, catalogOf(imageSettings({ numWeeklies: 2 }), listing(["w_2077_44", "z"])));
  assert.deepEqual(openings(world), ["REQUESTED 2"]);
  world.stop();
});
