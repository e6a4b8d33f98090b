import assert from "node:assert/strict";
import { test } from "node:test";
import { KubernetesUnavailableError, RegistryUnavailableError } from "../../src/domain/errors.ts";
import type { CoordinatorEmitted } from "../../src/machines/coordinator.ts";
import { coordinatorWorld, INTERVAL } from "../support/coordinator-world.ts";
import { digest, missingTags } from "../support/image-world.ts";
import { sourceOf } from "../support/source-state.ts";

const NO_NODES = new KubernetesUnavailableError("no cluster");
const NO_IMAGES = new RegistryUnavailableError("no registry");
const HAS_ALL = { images: { a: 2, b: 1 } };
type World = ReturnType<typeof coordinatorWorld>;

function types(news: readonly CoordinatorEmitted[]): readonly string[] {
  return news.map(({ type }) => type);
}

/** Run and error of the refreshes that have ended. */
function endings({ news }: World): readonly unknown[] {
  return news().flatMap((one) => (one.type === "refresh.settled" ? [[one.run, one.cause, one.error]] : []));
}

function generation({ state }: World): number | undefined {
  return state().snapshot?.generation;
}

function missing({ state }: World): unknown {
  const { snapshot } = state();
  return snapshot === null ? null : missingTags(snapshot);
}

test("at start a refresh runs, and there is no snapshot until it has both parts", () => {
  const world = coordinatorWorld();
  assert.ok(world.nodes.running && world.images.running);
  assert.equal(world.state().startedRuns, 1);
  world.succeed({ n1: {} });
  assert.equal(generation(world), 1);
  assert.deepEqual(types(world.news()), ["refresh.started", "snapshot.replaced", "gates.opened", "refresh.settled"]);
  world.stop();
});

test("it starts without registry and cluster, tries again, and heals by itself", async () => {
  const world = coordinatorWorld();
  world.nodes.tell({ type: "nodes.failed", error: NO_NODES });
  world.images.tell({ type: "images.failed", error: NO_IMAGES });
  const [ending] = world.news().filter((news) => news.type === "refresh.settled");
  assert.deepEqual(ending?.faults, { registry: NO_IMAGES, kubernetes: NO_NODES });
  assert.equal(ending?.error?.message, `registry: ${NO_IMAGES.message}; kubernetes: ${NO_NODES.message}`);
  assert.equal(world.state().snapshot, null);
  assert.deepEqual(world.state().refreshFaults, { registry: NO_IMAGES, kubernetes: NO_NODES });
  await world.clock.advance(1_000);
  world.succeed();
  assert.deepEqual(endings(world), [[2, "STARTUP", null]]);
  assert.equal(generation(world), 1);
  assert.deepEqual(world.state().refreshFaults, { registry: null, kubernetes: null });
  world.stop();
});

test("F15: a registry that hangs is shown as being asked, until it fails", async () => {
  const world = coordinatorWorld();
  const since = () => sourceOf(world.state(), "registry").refreshingSince;
  world.nodes.tell({ type: "nodes.listed" });
  const startedAt = world.clock.wallTime();
  await world.clock.advance(20_000);
  assert.equal(since(), startedAt);
  assert.equal(sourceOf(world.state(), "kubernetes").refreshingSince, undefined);
  world.images.tell({ type: "images.failed", error: NO_IMAGES });
  assert.equal(since(), undefined);
  assert.equal(sourceOf(world.state(), "registry").ok, false);
  world.stop();
});

test("refreshes follow each other by the interval, whatever the wall clock does", async () => {
  for (const step of [-86_400_000, 0, 86_400_000]) {
    const world = coordinatorWorld();
    world.succeed();
    world.clock.stepWallTime(step);
    await world.clock.advance(INTERVAL - 1);
    assert.equal(world.state().startedRuns, 1);
    await world.clock.advance(1);
    assert.equal(world.state().startedRuns, 2);
    world.succeed();
    assert.equal(world.state().snapshot?.refreshTime, world.clock.wallTime());
    world.stop();
  }
});

test("a demand during a refresh is for the next one; any number of them share it", () => {
  const world = coordinatorWorld();
  world.demand();
  world.demand();
  assert.equal(world.state().startedRuns, 1);
  world.succeed();
  assert.deepEqual(endings(world), [[1, "STARTUP", null]]);
  assert.equal(world.state().startedRuns, 2);
  world.images.tell({ type: "images.failed", error: NO_IMAGES });
  world.nodes.tell({ type: "nodes.listed" });
  assert.deepEqual(endings(world), [[2, "REQUESTED", NO_IMAGES]]);
  assert.equal(world.state().startedRuns, 2);
  world.stop();
});

test("a failing registry leaves the images, and takes over nodes that were listed whole", async () => {
  const world = coordinatorWorld();
  world.succeed({ n1: HAS_ALL, n2: HAS_ALL });
  world.demand();
  world.page({ n2: HAS_ALL, n3: {} });
  world.nodes.tell({ type: "nodes.listed" });
  world.images.tell({ type: "images.failed", error: NO_IMAGES });
  assert.deepEqual(missing(world), { n3: ["w_2077_43", "w_2077_42"] });
  assert.equal(generation(world), 2);
  assert.deepEqual(
    world
      .state()
      .snapshot?.nodes()
      .map(({ name }) => name),
    ["n2", "n3"],
  );
  world.stop();
});

test("a failing cluster leaves the whole snapshot, whatever the registry has returned", () => {
  const world = coordinatorWorld();
  world.succeed({ n1: {} });
  const before = world.state().snapshot;
  world.demand();
  world.page({ n9: {} });
  world.images.tell({ type: "images.listed", catalogs: [before?.catalogs[0] ?? assert.fail()], failed: [] });
  world.nodes.tell({ type: "nodes.failed", error: NO_NODES });
  assert.equal(world.state().snapshot, before);
  assert.deepEqual(world.state().refreshFaults, { registry: null, kubernetes: NO_NODES });
  world.stop();
});

test("a list of nodes that starts over forgets its pages", () => {
  const world = coordinatorWorld();
  world.page({ gone: {} });
  world.nodes.tell({ type: "nodes.restarted" });
  world.succeed({ n1: {} });
  assert.deepEqual(
    world
      .state()
      .snapshot?.nodes()
      .map(({ name }) => name),
    ["n1"],
  );
  world.stop();
});

test("a node that joins while the list is being paged is in the next snapshot", () => {
  const world = coordinatorWorld();
  world.page({ n1: {} });
  world.report("joined");
  world.succeed({ n2: {} });
  assert.deepEqual(
    world
      .state()
      .snapshot?.nodes()
      .map(({ name }) => name),
    ["joined", "n1", "n2"],
  );
  world.stop();
});

test("a change of a node shows at once, and so does a mark", () => {
  const world = coordinatorWorld();
  world.succeed({ n1: {} });
  world.report("n1", { images: { b: 1 } });
  assert.deepEqual(missing(world), { n1: ["w_2077_43"] });
  world.send({ type: "image.prepulled", digest: digest("a"), node: "n1", markedAt: 0 });
  assert.deepEqual(missing(world), {});
  assert.equal(generation(world), 3);
  world.stop();
});

test("a mark during a refresh survives it, though the list is older", async () => {
  const world = coordinatorWorld();
  world.succeed({ n1: {} });
  world.demand();
  world.page({ n1: {} });
  await world.clock.advance(5_000);
  world.send({ type: "image.prepulled", digest: digest("a"), node: "n1", markedAt: world.clock.monotonicTime() });
  world.nodes.tell({ type: "nodes.listed" });
  world.images.tell({
    type: "images.listed",
    catalogs: [world.state().snapshot?.catalogs[0] ?? assert.fail()],
    failed: [],
  });
  assert.deepEqual(missing(world), { n1: ["w_2077_42"] });
  await world.clock.advance(55_000);
  world.report("n1", { images: { x: 1 } });
  assert.deepEqual(missing(world), { n1: ["w_2077_42"] }, "within its grace");
  await world.clock.advance(5_000);
  world.report("n1", { images: { x: 1 } });
  assert.deepEqual(missing(world), { n1: ["w_2077_43", "w_2077_42"] }, "after it");
  world.stop();
});

test("the health of the watch is in the state", () => {
  const world = coordinatorWorld();
  world.succeed();
  const error = new Error("the watch is silent");
  world.send({ type: "watch.failed", error });
  assert.equal(world.state().watchFault, error);
  world.send({ type: "watch.recovered" });
  assert.equal(world.state().watchFault, null);
  world.stop();
});

test("a refresh cycle that crashes is started again after a while, and its demands fail", async () => {
  const world = coordinatorWorld();
  world.succeed({ n1: {} });
  world.news();
  world.nodes.breakNext();
  world.demand();
  const [started, broke, settled] = world.news();
  assert.equal(started?.type, "refresh.started");
  assert.ok(broke?.type === "actor.crashed" && broke.actor === "refresh" && broke.error instanceof Error);
  assert.ok(settled?.type === "refresh.settled" && settled.run === 2 && settled.error instanceof Error);
  assert.equal(generation(world), 1);
  await world.clock.advance(249);
  assert.equal(world.state().startedRuns, 2);
  await world.clock.advance(1);
  assert.equal(world.state().startedRuns, 3);
  world.succeed({ n2: {} });
  assert.deepEqual(endings(world), [[3, "STARTUP", null]]);
  assert.deepEqual(world.errors, []);
  world.stop();
});

test("a demand while the cycle is down gives the next refresh its cause", async () => {
  const world = coordinatorWorld();
  world.succeed();
  world.images.breakNext();
  world.demand();
  world.send({ type: "refresh.requested", cause: "REGISTRY_NOTIFIED" });
  world.news();
  await world.clock.advance(250);
  world.succeed();
  assert.deepEqual(endings(world), [[3, "REGISTRY_NOTIFIED", null]]);
  world.stop();
});

test("a cycle that breaks again and again is started less and less often, and a success forgets that", async () => {
  const world = coordinatorWorld({ chance: 0.5 });
  world.succeed();
  const waits: number[] = [];
  world.nodes.breakNext();
  world.demand();
  for (let time = 0; time < 8; time++) {
    const before = world.clock.monotonicTime();
    const { starts } = world.nodes;
    world.nodes.breakNext();
    while (world.nodes.starts === starts) await world.clock.advance(125);
    waits.push(world.clock.monotonicTime() - before);
  }
  assert.deepEqual(waits, [375, 750, 1_500, 3_000, 6_000, 12_000, 22_500, 22_500]);
  await world.clock.advance(30_000);
  world.succeed();
  const runs = world.state().startedRuns;
  world.nodes.breakNext();
  world.demand();
  await world.clock.advance(375);
  assert.equal(world.state().startedRuns, runs + 2);
  world.stop();
});

test("nodes that were listed whole are taken over when the cycle breaks after that", async () => {
  const world = coordinatorWorld();
  world.succeed({ n1: HAS_ALL });
  world.demand();
  world.page({ n2: HAS_ALL });
  world.nodes.tell({ type: "nodes.listed" });
  world.demand();
  world.nodes.breakNext();
  world.images.tell({ type: "images.failed", error: NO_IMAGES });
  assert.deepEqual(
    world
      .state()
      .snapshot?.nodes()
      .map(({ name }) => name),
    ["n2"],
  );
  world.stop();
});

test("while a cycle is down, changes and marks are still applied", () => {
  const world = coordinatorWorld();
  world.succeed({ n1: {} });
  world.nodes.breakNext();
  world.demand();
  world.report("n1", { images: { b: 1 } });
  world.send({ type: "image.prepulled", digest: digest("a"), node: "n1", markedAt: 0 });
  assert.deepEqual(missing(world), {});
  world.stop();
});
