import assert from "node:assert/strict";
import { test } from "node:test";
import { RegistryUnavailableError, ShuttingDownError } from "../../src/domain/errors.ts";
import { nodeReport } from "../support/image-world.ts";
import { type ServiceWorld, serviceWorld } from "../support/service-world.ts";

const NO_IMAGES = new RegistryUnavailableError("no registry");

async function started(): Promise<ServiceWorld> {
  const world = serviceWorld();
  await world.settle();
  return world;
}

test("a listing that a page token names is kept for a minute after it is replaced", async () => {
  const world = await started();
  const first = world.reader.current();
  assert.ok(first);
  world.reader.keep(first);
  assert.equal(world.reader.kept(1), first);
  await world.demand();
  assert.equal(world.reader.kept(1), first);
  assert.equal(world.reader.kept(2), world.reader.current());
  await world.clock.advance(59_999);
  assert.equal(world.reader.kept(1), first);
  await world.clock.advance(1);
  assert.equal(world.reader.kept(1), null);
  world.stop();
});

test("a kept listing does not grow old while it is the current one, whatever happens meanwhile", async () => {
  const world = await started();
  const first = world.reader.current();
  assert.ok(first);
  world.reader.keep(first);
  world.registry.fault = NO_IMAGES;
  await assert.rejects(world.demand(), NO_IMAGES);
  world.cluster.listener?.changed([{ type: "node.reported", node: nodeReport("n1"), observedAt: 9 }]);
  await world.clock.advance(100_000);
  assert.equal(world.reader.current(), first);
  world.registry.fault = null;
  await world.demand();
  assert.notEqual(world.reader.current(), first);
  assert.equal(world.reader.kept(1), first);
  world.stop();
});

test("stopping ends streams and demands, aborts what is under way, and leaves no timer", async () => {
  const world = await started();
  const caller = world.attach();
  caller.heard();
  world.registry.listed.hold();
  world.cluster.listed.hold();
  const waiting = assert.rejects(world.demand(), ShuttingDownError);
  await world.settle();
  world.stop();
  await waiting;
  await world.settle();
  assert.deepEqual(caller.heard(), ["SHUTTING_DOWN"]);
  assert.equal(world.registry.listed.waiting + world.cluster.listed.waiting, 0);
  assert.equal(world.cluster.listener, null);
  assert.equal(world.clock.pending, 0);
  assert.deepEqual(
    world.logger.lines.filter(({ level }) => level === "error"),
    [],
  );
  assert.deepEqual(world.broken, []);
});

test("F14: a refresh by hand speaks against a pause that the registry has asked for, a notification does not", async () => {
  const world = await started();
  const signal = new AbortController().signal;
  await Promise.all([world.commands.refresh("REGISTRY_NOTIFIED", signal), world.settle()]);
  assert.equal(world.registry.pausesIgnored, 0);
  await Promise.all([world.commands.refresh("REQUESTED", signal), world.settle()]);
  assert.equal(world.registry.pausesIgnored, 1);
  world.stop();
});

test("after stopping, nothing starts, and stopping again changes nothing", async () => {
  const world = await started();
  world.stop();
  world.stop();
  await assert.rejects(world.demand(), ShuttingDownError);
  assert.throws(() => world.attach(), ShuttingDownError);
  assert.equal(world.reader.current()?.generation, 1, "the last snapshot still answers");
});

test("what is emitted comes with the state that it is about", async () => {
  const world = serviceWorld();
  await world.settle();
  const types = world.news.map(({ type }) => type).filter((type) => type !== "prepuller.emitted");
  assert.deepEqual(types, ["refresh.started", "snapshot.replaced", "gates.opened", "refresh.settled"]);
  world.stop();
});
