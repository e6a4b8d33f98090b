import assert from "node:assert/strict";
import { test } from "node:test";
import { GateBusyError, type LabImagesError, NotReadyError, TooManyGatesError } from "../../src/domain/errors.ts";
import type { GateSession } from "../../src/ports.ts";
import { createGates, type GatesDeps, MAX_GATES } from "../../src/service/gates.ts";
import { digest, nodeReport } from "../support/image-world.ts";
import { EPOCH, serviceWorld } from "../support/service-world.ts";

async function started() {
  const world = serviceWorld();
  await world.settle();
  return world;
}

test("a caller is notified of each data refresh, one message at a time", async () => {
  const world = await started();
  const caller = world.attach();
  assert.deepEqual(caller.heard(), ["STARTUP 0"]);
  await world.demand();
  await world.demand();
  assert.deepEqual(caller.heard(), []);
  caller.ready();
  assert.deepEqual(caller.heard(), ["REQUESTED 1"]);
  world.stop();
});

test("the snapshot is the new one when a caller is notified", async () => {
  const world = serviceWorld();
  const seen: (number | undefined)[] = [];
  const request = { gate: "main", holder: "", peer: "10.0.0.1", resume: null };
  const end = (error: LabImagesError): void => assert.equal(error.reason, "SHUTTING_DOWN");
  const session: GateSession = world.commands.waitForRefresh(request, {
    deliver: () => {
      seen.push(world.reader.current()?.generation);
      session.ready();
    },
    end,
  });
  await world.settle();
  await world.demand();
  assert.deepEqual(seen, [1, 2]);
  world.stop();
});

test("a second caller is refused, and so is one gate too many", async () => {
  const world = await started();
  world.attach({ gate: "0" });
  assert.throws(() => world.attach({ gate: "0" }), GateBusyError);
  for (let gate = 1; gate < 16; gate++) world.attach({ gate: String(gate) });
  assert.throws(() => world.attach({ gate: "16" }), TooManyGatesError);
  assert.throws(() => world.attach({ gate: "3" }), GateBusyError);
  world.stop();
});

test("a caller of the same holder takes over, and what the first one does then says nothing", async () => {
  const world = await started();
  const first = world.attach({ holder: "me" });
  first.ready();
  first.heard();
  const second = world.attach({ holder: "me" });
  assert.deepEqual(first.heard(), ["GATE_TAKEN_OVER"]);
  first.ready();
  first.close();
  assert.throws(() => world.attach(), GateBusyError);
  await world.demand();
  assert.deepEqual(second.heard(), ["REQUESTED 0"]);
  assert.deepEqual(first.heard(), []);
  world.stop();
});

test("a gate is free when its caller has gone, and remembers", async () => {
  const world = await started();
  const first = world.attach();
  first.ready();
  first.close();
  first.close();
  await world.demand();
  assert.deepEqual(first.heard(), ["STARTUP 0"]);
  assert.deepEqual(world.attach().heard(), ["REQUESTED 0"]);
  world.stop();
});

test("a caller of another process is notified at once; one of this process only of what is newer", async () => {
  const world = await started();
  const told = (epoch: string, afterGeneration: number): readonly string[] => {
    const caller = world.attach({ resume: { epoch, afterGeneration } });
    caller.ready();
    caller.close();
    return caller.heard();
  };
  assert.deepEqual(told(EPOCH, 1), []);
  assert.deepEqual(told("another", 1), ["STARTUP 0"]);
  await world.demand();
  assert.deepEqual(told(EPOCH, 1), ["REQUESTED 0"]);
  assert.deepEqual(told(EPOCH, 2), []);
  world.stop();
});

test("marks open no gate, a node that joins does, after a quarter of a second", async () => {
  const world = await started();
  const caller = world.attach();
  caller.ready();
  caller.heard();
  world.commands.markPrepulled(digest("a"), "n1");
  await world.clock.advance(1_000);
  assert.deepEqual(caller.heard(), []);
  world.cluster.listener?.changed([{ type: "node.reported", node: nodeReport("n2"), observedAt: 1 }]);
  await world.clock.advance(249);
  assert.deepEqual(caller.heard(), []);
  await world.clock.advance(1);
  assert.deepEqual(caller.heard(), ["NODES_CHANGED 0"]);
  world.stop();
});

test("what a caller throws is logged, and harms nobody", async () => {
  const world = await started();
  const request = { gate: "bad", holder: "me", peer: "10.0.0.1", resume: null };
  const bad = {
    deliver: () => assert.fail("a caller's own defect"),
    end: () => assert.fail("a caller's own defect"),
  };
  const good = world.attach();
  world.commands.waitForRefresh(request, bad);
  const next = world.attach({ gate: "bad", holder: "me" });
  assert.equal(world.logger.lines.filter(({ level }) => level === "error").length, 2);
  good.ready();
  await world.demand();
  assert.deepEqual(good.heard(), ["STARTUP 0", "REQUESTED 0"]);
  assert.deepEqual(next.heard().length, 1);
  assert.deepEqual(world.broken, []);
  world.stop();
});

/** Gates whose callers write down what they get. */
function gatesWorld(deps: Partial<GatesDeps> = {}) {
  const heard: string[] = [];
  const gates = createGates({
    epoch: EPOCH,
    onDelivered: () => undefined,
    onThrow: () => assert.fail("nothing throws"),
    onLimit: (peer) => heard.push(`limited ${peer}`),
    onCrash: (gate) => heard.push(`${gate} crashed`),
    ...deps,
  });
  const attach = (gate: string) => {
    const session = gates.attach(
      { gate, holder: "", peer: "10.0.0.1", resume: null },
      {
        deliver: ({ cause, coalesced }) => void heard.push(`${gate} ${cause} ${coalesced}`),
        end: ({ reason }) => void heard.push(`${gate} ${reason}`),
      },
    );
    /** Takes the message, and goes. */
    const leave = () => {
      session.ready();
      session.close();
    };
    return { ...session, leave };
  };
  gates.open({ generation: 1, cause: "STARTUP" });
  return { ...gates, attach, heard: () => heard.splice(0) };
}

test("the gate that was attached to longest ago gives way to a new one, if it has no caller", () => {
  const { attach, heard } = gatesWorld();
  const sessions = Array.from({ length: MAX_GATES }, (_, at) => attach(`gate ${at}`));
  sessions[4]?.leave();
  sessions[3]?.leave();
  attach("gate 3").leave();
  heard();
  const newer = attach("newer");
  assert.deepEqual(heard(), ["newer STARTUP 0"]);
  attach("gate 3");
  assert.deepEqual(heard(), [], "gate 3 was attached to after gate 4, and has its memory still");
  assert.throws(() => attach("gate 4"), TooManyGatesError);
  assert.deepEqual(heard(), ["limited 10.0.0.1"]);
  newer.leave();
  attach("gate 4");
  assert.deepEqual(heard(), ["gate 4 STARTUP 0"], "an evicted gate is created again, and misses nothing");
  // The session of a gate that has been evicted does nothing.
  newer.leave();
  assert.deepEqual(heard(), []);
});

test("a gate that crashes ends its caller and is created again, and the others stay", () => {
  let defects = 0;
  const { attach, open, heard } = gatesWorld({
    onDelivered() {
      if (defects-- > 0) throw new Error("a defect of the test's making");
    },
    onThrow(error) {
      throw error;
    },
  });
  const broken = attach("broken");
  const fine = attach("fine");
  broken.ready();
  fine.ready();
  heard();
  defects = 1;
  open({ generation: 2, cause: "SCHEDULED" });
  assert.deepEqual(heard(), ["broken SCHEDULED 0", "broken crashed", "broken NOT_READY", "fine SCHEDULED 0"]);
  broken.ready();
  broken.close();
  attach("broken").leave();
  assert.deepEqual(heard(), ["broken SCHEDULED 0"]);
  defects = 1;
  assert.throws(() => attach("another"), NotReadyError);
});

test("F60: a peer that holds all gates gives up one for another peer, until both hold as many", async () => {
  const world = await started();
  const greedy = Array.from({ length: 16 }, (_, gate) => world.attach({ gate: `greedy-${gate}`, peer: "10.0.0.1" }));
  assert.throws(() => world.attach({ gate: "one-too-many", peer: "10.0.0.1" }), { reason: "TOO_MANY_GATES" });
  for (let gate = 0; gate < 8; gate++) world.attach({ gate: `modest-${gate}`, peer: "10.0.0.2" });
  assert.throws(() => world.attach({ gate: "modest-8", peer: "10.0.0.2" }), { reason: "TOO_MANY_GATES" });
  const ended = greedy.map(({ heard }) => heard().includes("TOO_MANY_GATES"));
  assert.deepEqual(ended, [...Array<boolean>(8).fill(true), ...Array<boolean>(8).fill(false)]);
  world.stop();
});
