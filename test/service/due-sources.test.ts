import assert from "node:assert/strict";
import { test } from "node:test";
import { KubernetesUnavailableError, RegistryUnavailableError } from "../../src/domain/errors.ts";
import { INTERVAL, OTHER, type ServiceWorld, serviceWorld } from "../support/service-world.ts";

const NO_IMAGES = new RegistryUnavailableError("no registry");
const NO_NODES = new KubernetesUnavailableError("no cluster");
const HOUR = 3_600_000;

async function started(otherInterval?: number): Promise<ServiceWorld> {
  const world = serviceWorld(otherInterval === undefined ? {} : { otherInterval });
  await world.settle();
  return world;
}

/** How often each source is listed meanwhile. */
async function listingsDuring({ registry, other }: ServiceWorld, work: () => Promise<void>) {
  const before = [registry.listings, other.listings] as const;
  await work();
  return [registry.listings - before[0], other.listings - before[1]];
}

function hasOther({ reader }: ServiceWorld): boolean {
  return reader.current()?.catalogs.some(({ source }) => source.name === OTHER) === true;
}

function openings({ news }: ServiceWorld): number {
  return news.filter(({ type }) => type === "gates.opened").length;
}

/** Lets the time pass, and what is due in it happen. */
async function pass(world: ServiceWorld, milliseconds: number): Promise<void> {
  await world.clock.advance(milliseconds);
  await world.settle();
}

test("a wall clock that is set back keeps no source from being listed", async () => {
  const alone = await started();
  alone.clock.stepWallTime(-HOUR);
  assert.deepEqual(await listingsDuring(alone, () => pass(alone, INTERVAL)), [1, 0]);
  alone.stop();
  const both = await started(2 * INTERVAL);
  both.clock.stepWallTime(-HOUR);
  const during = async () => {
    for (let time = 0; time < 4; time++) await pass(both, INTERVAL);
  };
  assert.deepEqual(await listingsDuring(both, during), [4, 2]);
  both.stop();
});

test("a wall clock that is set forward makes no source due before its time", async () => {
  const world = await started(12 * INTERVAL);
  world.clock.stepWallTime(HOUR);
  assert.deepEqual(await listingsDuring(world, () => pass(world, INTERVAL)), [1, 0]);
  world.stop();
});

test("what a source has returned while the cluster failed is not lost for its whole interval", async () => {
  const world = serviceWorld({ otherInterval: HOUR });
  world.other.fault = NO_IMAGES;
  await world.settle();
  assert.equal(hasOther(world), false);
  // The source answers for the first time in a retry, in which the cluster fails.
  world.other.fault = null;
  world.cluster.fault = NO_NODES;
  await pass(world, 1_000);
  assert.match(world.reader.staleReason() ?? "", /^kubernetes: /);
  world.cluster.fault = null;
  await pass(world, 60_000);
  assert.equal(world.reader.staleReason(), null);
  assert.equal(hasOther(world), true);
  assert.deepEqual(await listingsDuring(world, () => pass(world, INTERVAL)), [1, 0], "and then it is not due");
  world.stop();
});

test("a retry in which no source was listed opens no gate, and the data is as old as before", async () => {
  const world = serviceWorld({ otherInterval: INTERVAL / 2 });
  world.other.fault = NO_IMAGES;
  await world.settle();
  const refreshTime = world.reader.current()?.refreshTime;
  const before = openings(world);
  // The one that works is due in half an interval, the one that fails at each retry.
  const during = await listingsDuring(world, () => pass(world, 10_000));
  assert.equal(during[0], 0);
  assert.ok((during[1] ?? 0) > 0);
  assert.equal(openings(world), before);
  assert.equal(world.reader.current()?.refreshTime, refreshTime);
  assert.equal(world.reader.staleReason(), "other: no registry");
  world.other.fault = null;
  await pass(world, 60_000);
  assert.equal(world.reader.staleReason(), null);
  assert.ok(openings(world) > before);
  world.stop();
});
