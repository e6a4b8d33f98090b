import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type AnyEventObject, createActor, createEmptyActor, setup } from "xstate";
import { KubernetesUnavailableError, RegistryUnavailableError } from "../../src/domain/errors.ts";
import type { Catalog } from "../../src/domain/images/catalog.ts";
import { backoffAfter, refreshMachine, SLOW_REFRESH_MS } from "../../src/machines/refresh.ts";
import type { RefreshCause } from "../../src/ports.ts";
import { actorClock } from "../support/actor-clock.ts";
import { fakeEffect } from "../support/fake-effects.ts";
import { catalogOf, imageSettings } from "../support/image-world.ts";
import { manualClock } from "../support/manual-clock.ts";

const INTERVAL = 300_000;
const CATALOG: Catalog = catalogOf(imageSettings(), []);
const NO_NODES = new KubernetesUnavailableError("no cluster");
const NO_IMAGES = new RegistryUnavailableError("no registry");

/** A refresh cycle under a parent that writes down what it is told. */
function cycle({ interval = INTERVAL, chance = 0 } = {}) {
  const clock = manualClock();
  const nodes = fakeEffect();
  const images = fakeEffect();
  const told: AnyEventObject[] = [];
  const refresh = refreshMachine.provide({ actors: { listNodes: nodes.logic, listImages: images.logic } });
  const parent = setup({ actors: { refresh }, actions: { write: ({ event }) => told.push(event) } }).createMachine({
    invoke: {
      id: "refresh",
      src: "refresh",
      input: ({ self }) => ({ parent: self, interval, random: () => chance, firstCause: "STARTUP" as const }),
    },
    on: { "*": { actions: "write" } },
  });
  const actor = createActor(parent, { clock: actorClock(clock) }).start();
  const child = actor.getSnapshot().children["refresh"];
  assert.ok(child);
  told.length = 0;
  return {
    clock,
    nodes,
    images,
    told,
    stop: () => actor.stop(),
    demand: (cause: RefreshCause = "REQUESTED") => child.send({ type: "refresh.requested", cause }),
    succeed() {
      nodes.tell({ type: "nodes.listed" });
      images.tell({ type: "images.listed", catalogs: [CATALOG], failed: [] });
    },
    fail() {
      images.tell({ type: "images.failed", error: NO_IMAGES });
      nodes.tell({ type: "nodes.listed" });
    },
    /** Causes of the refreshes that have ended since the last time that somebody asked. */
    endings(): readonly string[] {
      const ended = told.splice(0).filter(({ type }) => type === "refresh.completed" || type === "refresh.failed");
      return ended.map(({ type, cause }) => `${type} ${cause}`);
    },
  };
}

test("F15: a refresh that takes long is reported once, with what has failed so far", async () => {
  const { clock, images, nodes, told, succeed } = cycle();
  images.tell({ type: "images.failed", error: NO_IMAGES });
  await clock.advance(SLOW_REFRESH_MS - 1);
  assert.deepEqual(told, []);
  await clock.advance(1);
  assert.deepEqual(told.splice(0), [{ type: "refresh.slow", faults: { registry: NO_IMAGES, kubernetes: null } }]);
  await clock.advance(10 * SLOW_REFRESH_MS);
  assert.deepEqual(told, []);
  nodes.tell({ type: "nodes.listed" });
  await clock.advance(INTERVAL);
  succeed();
  told.length = 0;
  await clock.advance(SLOW_REFRESH_MS);
  assert.deepEqual(told, [], "one that is over is not slow");
});

test("a refresh starts at once and lists nodes and images at the same time", () => {
  const { nodes, images, stop } = cycle();
  assert.ok(nodes.running && images.running);
  stop();
  assert.ok(!nodes.running && !images.running, "stopping ends the effects");
});

test("parts are passed on as they come, and the end is reported when both lists are whole, in either order", () => {
  for (const imagesFirst of [true, false]) {
    const { nodes, images, told, stop } = cycle();
    if (imagesFirst) images.tell({ type: "images.listed", catalogs: [CATALOG], failed: [] });
    nodes.tell({ type: "nodes.paged", page: { nodes: [], observedAt: 1 } });
    nodes.tell({ type: "nodes.restarted" });
    nodes.tell({ type: "nodes.listed" });
    if (!imagesFirst) images.tell({ type: "images.listed", catalogs: [CATALOG], failed: [] });
    const types = told.map(({ type }) => type);
    const nodeParts = ["nodes.paged", "nodes.restarted", "nodes.listed"];
    const parts = imagesFirst ? ["images.listed", ...nodeParts] : [...nodeParts, "images.listed"];
    assert.deepEqual(types, [...parts, "refresh.completed"]);
    assert.ok(!nodes.running && !images.running);
    stop();
  }
});

test("a refresh fails where either list does, but only when the other has come to its end", () => {
  const { nodes, images, told, stop } = cycle();
  images.tell({ type: "images.failed", error: NO_IMAGES });
  assert.deepEqual(told, []);
  assert.ok(nodes.running);
  nodes.tell({ type: "nodes.listed" });
  assert.deepEqual(told.at(-1), {
    type: "refresh.failed",
    cause: "STARTUP",
    faults: { registry: NO_IMAGES, kubernetes: null },
  });
  stop();
});

test("both faults of a refresh are reported, and none of them with the next one", async () => {
  const { clock, nodes, images, told, stop } = cycle();
  nodes.tell({ type: "nodes.failed", error: NO_NODES });
  images.tell({ type: "images.failed", error: NO_IMAGES });
  assert.deepEqual(told.at(-1)?.["faults"], { registry: NO_IMAGES, kubernetes: NO_NODES });
  await clock.advance(1_000);
  nodes.tell({ type: "nodes.failed", error: NO_NODES });
  images.tell({ type: "images.listed", catalogs: [CATALOG], failed: [] });
  assert.deepEqual(told.at(-1)?.["faults"], { registry: null, kubernetes: NO_NODES });
  stop();
});

test("the next refresh starts an interval after the end of the last", async () => {
  const { clock, nodes, succeed, endings, stop } = cycle();
  await clock.advance(5_000);
  succeed();
  await clock.advance(INTERVAL - 1);
  assert.equal(nodes.starts, 1);
  await clock.advance(1);
  assert.equal(nodes.starts, 2);
  succeed();
  assert.deepEqual(endings(), ["refresh.completed STARTUP", "refresh.completed SCHEDULED"]);
  stop();
});

test("steps of the wall clock do not change the interval", async () => {
  for (const step of [-7_200_000, 7_200_000]) {
    const { clock, nodes, succeed, stop } = cycle();
    succeed();
    clock.stepWallTime(step);
    await clock.advance(INTERVAL - 1);
    assert.equal(nodes.starts, 1);
    await clock.advance(1);
    assert.equal(nodes.starts, 2);
    stop();
  }
});

test("a demand starts a refresh at once, and the interval counts from its end", async () => {
  const { clock, nodes, succeed, demand, endings, stop } = cycle();
  succeed();
  await clock.advance(INTERVAL - 1);
  demand("REGISTRY_NOTIFIED");
  succeed();
  assert.deepEqual(endings(), ["refresh.completed STARTUP", "refresh.completed REGISTRY_NOTIFIED"]);
  await clock.advance(INTERVAL - 1);
  assert.equal(nodes.starts, 2);
  await clock.advance(1);
  assert.equal(nodes.starts, 3);
  stop();
});

test("any number of demands during a refresh start one more, with the cause of the first", () => {
  const { nodes, succeed, demand, endings, stop } = cycle();
  demand("NODES_CHANGED");
  demand("REQUESTED");
  demand("REQUESTED");
  assert.equal(nodes.starts, 1);
  succeed();
  assert.equal(nodes.starts, 2);
  succeed();
  assert.equal(nodes.starts, 2);
  assert.deepEqual(endings(), ["refresh.completed STARTUP", "refresh.completed NODES_CHANGED"]);
  stop();
});

test("a demand during a refresh that fails starts another one without waiting", () => {
  const { nodes, succeed, fail, demand, endings, stop } = cycle();
  demand();
  fail();
  assert.equal(nodes.starts, 2);
  succeed();
  assert.deepEqual(endings(), ["refresh.failed STARTUP", "refresh.completed REQUESTED"]);
  stop();
});

test("a failed refresh is tried again with its cause, and a demand does not wait for that", async () => {
  const { clock, nodes, fail, demand, endings, stop } = cycle();
  fail();
  await clock.advance(399);
  assert.equal(nodes.starts, 1);
  await clock.advance(1);
  assert.equal(nodes.starts, 2);
  fail();
  demand();
  assert.equal(nodes.starts, 3);
  fail();
  const ended = ["refresh.failed STARTUP", "refresh.failed STARTUP", "refresh.failed REQUESTED"];
  assert.deepEqual(endings(), ended);
  stop();
});

/** How long the cycle waits after each of so many failures in a row. */
async function waits(failures: number, chance: number): Promise<readonly number[]> {
  const { clock, nodes, fail, stop } = cycle({ chance });
  const seen: number[] = [];
  for (let failure = 1; failure <= failures; failure++) {
    fail();
    const before = clock.monotonicTime();
    while (nodes.starts === failure) await clock.advance(100);
    seen.push(clock.monotonicTime() - before);
  }
  stop();
  return seen;
}

test("failures in a row wait longer and longer, up to half a minute, of which chance takes up to a half", async () => {
  assert.deepEqual(await waits(8, 0), [400, 800, 1_600, 3_200, 6_400, 12_800, 15_000, 15_000]);
  assert.deepEqual(await waits(4, 0.5), [600, 1_200, 2_400, 4_800]);
});

test("a success makes the waits short again", async () => {
  const { clock, nodes, succeed, fail, demand, stop } = cycle();
  fail();
  demand();
  fail();
  demand();
  succeed();
  demand();
  fail();
  await clock.advance(399);
  assert.equal(nodes.starts, 4);
  await clock.advance(1);
  assert.equal(nodes.starts, 5);
  stop();
});

test("a wait after failures lies between half and the whole of its step, and never over the interval", () => {
  const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5_000 }),
      fc.integer({ min: 1, max: 10 ** 9 }),
      chance,
      (failures, interval, random) => {
        const step = Math.min(800 * 2 ** Math.min(failures - 1, 40), 30_000, interval);
        const wait = backoffAfter(failures, interval, random);
        assert.ok(wait >= step / 2 && wait <= step);
      },
    ),
  );
});

test("effects have to be provided: without them the actor breaks", () => {
  const errors: unknown[] = [];
  const input = { parent: createEmptyActor(), interval: 1, random: () => 0, firstCause: "STARTUP" as const };
  const alone = refreshMachine.provide({ actions: { reportStart: () => undefined } });
  const actor = createActor(alone, { input });
  actor.subscribe({ error: (error) => errors.push(error) });
  actor.start();
  assert.match(String(errors[0]), /have to be provided/);
});
