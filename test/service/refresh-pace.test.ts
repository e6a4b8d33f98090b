import assert from "node:assert/strict";
import { test } from "node:test";
import { createRefreshPace } from "../../src/service/refresh-pace.ts";
import { manualClock } from "../support/manual-clock.ts";
import { serviceWorld } from "../support/service-world.ts";

test("F67: ten demanded refreshes start at once, further ones every two seconds", async () => {
  const clock = manualClock();
  const pace = createRefreshPace(clock);
  for (let index = 0; index < 10; index++) assert.equal(pace.take(), 0);
  assert.equal(pace.take(), 2_000);
  await clock.advance(1_500);
  assert.equal(pace.take(), 500);
  await clock.advance(500);
  assert.deepEqual([pace.take(), pace.take()], [0, 2_000]);
  await clock.advance(60_000);
  for (let index = 0; index < 10; index++) assert.equal(pace.take(), 0);
  assert.equal(pace.take(), 2_000);
});

test("F67: a caller in a loop gets a refresh that starts after each demand, one every two seconds", async () => {
  const world = serviceWorld();
  await world.settle();
  const runs = () => world.news.filter(({ type }) => type === "refresh.started").length;
  for (let index = 0; index < 10; index++) {
    const demand = world.demand();
    await world.settle();
    await demand;
  }
  const before = runs();
  const late = [world.demand(), world.demand(), world.demand()];
  await world.settle();
  assert.equal(runs(), before);
  await world.clock.advance(2_000);
  await world.settle();
  await Promise.all(late);
  assert.equal(runs(), before + 1);
  world.stop();
});

test("F67: a demand that waits for its turn ends with the service, or with its caller", async () => {
  const world = serviceWorld();
  await world.settle();
  for (let index = 0; index < 10; index++) {
    const demand = world.demand();
    await world.settle();
    await demand;
  }
  const controller = new AbortController();
  const gone = assert.rejects(world.demand(controller.signal), /gone/);
  const ended = assert.rejects(world.demand(), { reason: "SHUTTING_DOWN" });
  controller.abort(new Error("gone"));
  await gone;
  world.stop();
  await ended;
});
