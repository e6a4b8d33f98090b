import assert from "node:assert/strict";
import { test } from "node:test";
import {
  CancelledError,
  KubernetesUnavailableError,
  NotReadyError,
  RegistryDeniedError,
  RegistryUnavailableError,
  UnknownImageError,
} from "../../src/domain/errors.ts";
import { digest, listing, missingTags, nodeReport } from "../support/image-world.ts";
import { EPOCH, INTERVAL, type ServiceWorld, serviceWorld } from "../support/service-world.ts";

const NO_IMAGES = new RegistryUnavailableError("no registry");
const NO_NODES = new KubernetesUnavailableError("no cluster");

async function started(): Promise<ServiceWorld> {
  const world = serviceWorld();
  await world.settle();
  return world;
}

function generation({ reader }: ServiceWorld): number | undefined {
  return reader.current()?.generation;
}

function missing({ reader }: ServiceWorld): unknown {
  const snapshot = reader.current();
  return snapshot === null ? null : missingTags(snapshot);
}

/** How a promise has ended by now. */
function outcome(promise: Promise<unknown>): { ended: string } {
  const seen = { ended: "waiting" };
  promise.then(
    () => {
      seen.ended = "done";
    },
    (error: unknown) => {
      seen.ended = error instanceof Error ? error.message : String(error);
    },
  );
  return seen;
}

test("before the first refresh there is no snapshot, and both sources say so", async () => {
  const world = serviceWorld();
  assert.equal(world.reader.epoch, EPOCH);
  assert.equal(world.reader.current(), null);
  assert.equal(world.reader.kept(1), null);
  assert.deepEqual(
    world.reader.sources().map(({ name, ok, lastSuccessTime }) => [name, ok, lastSuccessTime]),
    [
      ["registry", false, null],
      ["kubernetes", false, null],
    ],
  );
  assert.throws(() => world.commands.markPrepulled(digest("a"), "n1"), NotReadyError);
  await world.settle();
  assert.equal(generation(world), 1);
  assert.ok(world.reader.sources().every(({ ok, reason }) => ok && reason === ""));
  assert.equal(world.reader.staleReason(), null);
  assert.deepEqual(missing(world), { n1: ["w_2077_43", "w_2077_42"] });
  world.stop();
});

test("it starts while both sources are down, says why, and heals", async () => {
  const world = serviceWorld();
  world.registry.fault = NO_IMAGES;
  world.cluster.fault = NO_NODES;
  await world.settle();
  assert.equal(world.reader.current(), null);
  assert.equal(world.reader.staleReason(), "registry: no registry; kubernetes: no cluster");
  assert.deepEqual(
    world.reader.sources().map(({ reason }) => reason),
    ["no registry", "no cluster"],
  );
  world.registry.fault = null;
  world.cluster.fault = null;
  await world.clock.advance(60_000);
  assert.equal(generation(world), 1);
  assert.equal(world.reader.staleReason(), null);
  world.stop();
});

test("while a source is down the last snapshot answers, and is stale with the reason", async () => {
  const world = await started();
  const before = world.reader.current();
  world.registry.fault = new RegistryDeniedError("the registry refuses");
  await world.clock.advance(INTERVAL);
  assert.equal(world.reader.current(), before);
  assert.equal(world.reader.staleReason(), "registry: the registry refuses");
  const [registry] = world.reader.sources();
  assert.equal(registry?.ok, false);
  assert.equal(registry?.lastSuccessTime, before?.refreshTime);
  world.stop();
});

test("what a source throws that is no error of ours is reported in our words, and logged", async () => {
  const world = serviceWorld();
  world.registry.fault = new TypeError("secret of a library");
  world.cluster.fault = new TypeError("secret of a library");
  await world.settle();
  for (const { reason } of world.reader.sources()) assert.match(reason, /for a reason that is in the log/);
  assert.equal(world.logger.lines.filter(({ level }) => level === "error").length, 2);
  assert.deepEqual(world.broken, []);
  world.stop();
});

test("a demand is over when a refresh that started after it is over", async () => {
  const world = await started();
  world.registry.tags = listing(["w_2077_44", "c"]);
  await world.demand();
  assert.deepEqual(missing(world), { n1: ["w_2077_44"] });
  world.stop();
});

test("a demand during a refresh waits for the next one, which all such demands share", async () => {
  const world = await started();
  world.registry.listed.hold();
  const first = outcome(world.demand());
  await world.settle();
  world.registry.tags = listing(["w_2077_44", "c"]);
  const second = outcome(world.demand());
  const third = outcome(world.demand());
  world.registry.listed.release();
  world.cluster.listed.hold();
  await world.settle();
  assert.deepEqual(
    [first, second, third].map(({ ended }) => ended),
    ["done", "waiting", "waiting"],
  );
  world.cluster.listed.release();
  await world.settle();
  assert.deepEqual([second.ended, third.ended], ["done", "done"]);
  assert.equal(world.news.filter(({ type }) => type === "refresh.settled").length, 3);
  world.stop();
});

test("F14: a demand by hand ends a Retry-After, also where it joins a refresh that is still to start", async () => {
  const world = await started();
  world.registry.listed.hold();
  const notified = [outcome(world.demand(undefined, "REGISTRY_NOTIFIED"))];
  await world.settle();
  notified.push(outcome(world.demand(undefined, "REGISTRY_NOTIFIED")));
  assert.equal(world.registry.pausesIgnored, 0);
  const byHand = outcome(world.demand());
  assert.equal(world.registry.pausesIgnored, 1);
  world.registry.listed.release();
  await world.settle();
  assert.deepEqual(
    [...notified, byHand].map(({ ended }) => ended),
    ["done", "done", "done"],
  );
  assert.equal(world.news.filter(({ type }) => type === "refresh.settled").length, 3, "it joined");
  world.stop();
});

test("a demand fails with the error of its refresh, and the next one succeeds", async () => {
  const world = await started();
  world.registry.fault = NO_IMAGES;
  await assert.rejects(world.demand(), NO_IMAGES);
  world.cluster.fault = NO_NODES;
  await assert.rejects(world.demand(), {
    reason: NO_NODES.reason,
    message: `registry: ${NO_IMAGES.message}; kubernetes: ${NO_NODES.message}`,
  });
  world.registry.fault = null;
  world.cluster.fault = null;
  await world.demand();
  assert.equal(world.reader.staleReason(), null);
  world.stop();
});

test("a demand that is given up fails at once, and the others go on", async () => {
  const world = await started();
  world.registry.listed.hold();
  const controller = new AbortController();
  const given = assert.rejects(world.demand(controller.signal), CancelledError);
  const other = outcome(world.demand());
  await world.settle();
  controller.abort();
  await given;
  assert.equal(other.ended, "waiting");
  world.registry.listed.release();
  await world.settle();
  assert.equal(other.ended, "done");
  await assert.rejects(world.demand(AbortSignal.abort()), CancelledError);
  world.stop();
});

test("one refresh runs at a time, whatever is demanded", async () => {
  const world = await started();
  world.cluster.listed.hold();
  for (let time = 0; time < 5; time++) outcome(world.demand(undefined, "REGISTRY_NOTIFIED"));
  await world.settle();
  assert.equal(world.cluster.listed.waiting, 1);
  await world.clock.advance(INTERVAL * 3);
  assert.equal(world.cluster.listed.waiting, 1);
  world.stop();
});

test("a list of nodes may start over, and comes in pages", async () => {
  const world = await started();
  world.cluster.restarts = 2;
  world.cluster.nodes = ["n2", "n1", "n3"].map((name) => nodeReport(name));
  await world.demand();
  assert.deepEqual(
    world.reader
      .current()
      ?.nodes()
      .map(({ name }) => name),
    ["n1", "n2", "n3"],
  );
  world.stop();
});

test("what the watch reports shows at once, its health too, and a re-list is a refresh", async () => {
  const world = await started();
  const { listener } = world.cluster;
  assert.ok(listener);
  listener.changed([{ type: "node.reported", node: nodeReport("n2", { images: { a: 1, b: 1 } }), observedAt: 1 }]);
  assert.equal(world.reader.current()?.nodes().length, 2);
  listener.changed([{ type: "node.removed", name: "n2", uid: "uid-n2", observedAt: 2 }]);
  assert.equal(world.reader.current()?.nodes().length, 1);
  listener.health(new Error("the watch is silent"));
  assert.equal(world.reader.staleReason(), "kubernetes: the watch is silent");
  assert.equal(world.reader.sources()[1]?.ok, false);
  await world.demand();
  assert.equal(world.reader.staleReason(), "kubernetes: the watch is silent");
  assert.equal(world.reader.sources()[1]?.ok, false, "sources and staleness agree");
  listener.health(null);
  assert.equal(world.reader.staleReason(), null);
  assert.ok(world.reader.sources().every(({ ok }) => ok));
  listener.relistNeeded();
  await world.settle();
  const last = world.news.findLast(({ type }) => type === "refresh.settled");
  assert.ok(last?.type === "refresh.settled" && last.cause === "NODES_CHANGED");
  world.stop();
});

test("a mark shows at once; what is outside the set or has gone is not applied", async () => {
  const world = await started();
  assert.equal(world.commands.markPrepulled(digest("a"), "n1"), true);
  assert.deepEqual(missing(world), { n1: ["w_2077_42"] });
  assert.equal(world.commands.markPrepulled(digest("unheard"), "n1"), false);
  assert.equal(world.commands.markPrepulled(digest("a"), "n9"), false);
  world.stop();
});

test("a mark survives the refreshes of its grace, and ends with the one after", async () => {
  const world = await started();
  await world.clock.advance(1_000);
  world.commands.markPrepulled(digest("a"), "n1");
  world.cluster.nodes = [nodeReport("n1", { images: { x: 1 } })];
  await world.clock.advance(59_999);
  await world.demand();
  assert.deepEqual(missing(world), { n1: ["w_2077_42"] });
  await world.clock.advance(1);
  await world.demand();
  assert.deepEqual(missing(world), { n1: ["w_2077_43", "w_2077_42"] });
  world.stop();
});

test("a tag outside the set is asked for at the registry, and not kept", async () => {
  const world = await started();
  const snapshot = world.reader.current();
  assert.ok(snapshot);
  world.registry.later = listing(["w_2077_41", "z"]);
  const { signal } = new AbortController();
  const { image } = await world.commands.resolveAtRegistry(
    snapshot,
    { source: "default", tag: "w_2077_41" },
    "192.0.2.1",
    signal,
  );
  assert.equal(image.digest, digest("z"));
  assert.deepEqual(world.lookUps, ["w_2077_41"]);
  assert.equal(snapshot.imageForTag("w_2077_41").kind, "needs-digest");
  world.registry.later = [];
  await assert.rejects(
    world.commands.resolveAtRegistry(snapshot, { source: "default", tag: "w_2077_41" }, "192.0.2.1", signal),
    UnknownImageError,
  );
  world.stop();
});
