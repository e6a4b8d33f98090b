import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { eventually } from "../support/eventually.ts";
import type { StateVersion } from "../support/grpc-messages.ts";
import { type Peers, startPeers } from "./support/peers.ts";
import {
  missingTags,
  nextOpening,
  openGate,
  type Service,
  startReadyService,
  untilStreamsAre,
} from "./support/service.ts";
import { openUnreadGate } from "./support/unread-gate.ts";

const BUSY = { code: "RESOURCE_EXHAUSTED", reason: "GATE_BUSY", retrySeconds: 5 };

/** Each test has a service of its own: every refresh opens every gate. */
async function withService(check: (service: Service, peers: Peers) => Promise<void>): Promise<void> {
  await using peers = await startPeers();
  peers.push("w_2077_43");
  peers.push("recommended", "w_2077_43");
  peers.setNode("alder");
  await using service = await startReadyService(peers.config());
  await check(service, peers);
}

async function refresh({ client }: Service): Promise<StateVersion> {
  return (await client.call("Refresh", {})).state;
}

describe("the memory of a gate", { concurrency: true }, () => {
  test("a new gate remembers the refresh that made the first snapshot", () =>
    withService(async (service) => {
      const gate = await openGate(service);
      const { state, cause } = await gate.next();
      assert.equal(cause, "REFRESH_CAUSE_STARTUP");
      assert.equal(state.generation, (await service.client.call("GetMenu", {})).state.generation);
    }));

  test("each refresh opens it once for a caller who keeps up", () =>
    withService(async (service) => {
      const gate = await openGate(service);
      await gate.next();
      for (let round = 0; round < 3; round++) {
        const { generation } = await refresh(service);
        const { state, cause, coalesced } = await gate.next();
        assert.deepEqual([state.generation, cause, coalesced], [generation, "REFRESH_CAUSE_REQUESTED", 0]);
      }
      assert.equal(gate.waiting, 0);
    }));

  test("whoever comes back has missed nothing: what happened meanwhile is one message", () =>
    withService(async (service) => {
      const first = await openGate(service, { gate: "one" });
      await first.next();
      first.cancel();
      await untilStreamsAre(service, 0);
      for (let round = 0; round < 3; round++) await refresh(service);
      const gate = await openGate(service, { gate: "one" });
      assert.deepEqual(await nextOpening(gate), ["REQUESTED", 2]);
      await refresh(service);
      assert.deepEqual(await nextOpening(gate), ["REQUESTED", 0]);
    }));

  test("gates have memories of their own", () =>
    withService(async (service) => {
      const one = await openGate(service, { gate: "one" });
      await one.next();
      await refresh(service);
      await one.next();
      const other = await openGate(service, { gate: "other" });
      assert.deepEqual(await nextOpening(other), ["REQUESTED", 0]);
      await refresh(service);
      assert.deepEqual(await nextOpening(one), ["REQUESTED", 0]);
      assert.deepEqual(await nextOpening(other), ["REQUESTED", 0]);
    }));
});

describe("a caller who says where it was", { concurrency: true }, () => {
  test("hears at once where the gate has opened since", () =>
    withService(async (service) => {
      const before = await refresh(service);
      await refresh(service);
      const gate = await openGate(service, { epoch: before.epoch, afterGeneration: before.generation });
      assert.equal((await nextOpening(gate))[0], "REQUESTED");
      assert.equal(gate.waiting, 0);
    }));

  test("waits where the gate has not, also where its memory says otherwise", () =>
    withService(async (service) => {
      const { epoch, generation } = await refresh(service);
      const gate = await openGate(service, { epoch, afterGeneration: generation });
      const later = await refresh(service);
      const { state, coalesced } = await gate.next();
      assert.deepEqual([state.generation, coalesced], [later.generation, 0]);
    }));

  test("waits where only marks have raised the generation", () =>
    withService(async (service, peers) => {
      const { epoch, generation } = await refresh(service);
      await service.client.call("MarkPrepulled", { reference: peers.pullReference("w_2077_43"), node: "alder" });
      const gate = await openGate(service, { epoch, afterGeneration: generation });
      const later = await refresh(service);
      assert.equal((await gate.next()).state.generation, later.generation);
    }));

  test("hears at once where it was in another process", () =>
    withService(async (service) => {
      const gate = await openGate(service, { epoch: "another process", afterGeneration: 1_000_000 });
      assert.equal((await nextOpening(gate))[0], "STARTUP");
    }));

  test("has to say both or neither", () =>
    withService(async ({ client }) => {
      const epochAlone = await client.waitForRefresh({ epoch: "somewhere" }).ended;
      assert.deepEqual([epochAlone.code, epochAlone.fields], ["INVALID_ARGUMENT", ["after_generation"]]);
      const generationAlone = await client.waitForRefresh({ afterGeneration: 1 }).ended;
      assert.deepEqual([generationAlone.code, generationAlone.fields], ["INVALID_ARGUMENT", ["epoch"]]);
    }));
});

describe("one caller at a time", { concurrency: true }, () => {
  test("another one is refused, with a time to come again, and let in when the first has gone", () =>
    withService(async (service) => {
      const first = await openGate(service, { holder: "one" });
      await assert.rejects(openGate(service, { holder: "other" }), BUSY);
      await assert.rejects(openGate(service), BUSY);
      await first.next();
      await refresh(service);
      assert.deepEqual(await nextOpening(first), ["REQUESTED", 0], "the refused ones have not harmed the first");
      first.cancel();
      await untilStreamsAre(service, 0);
      const next = await openGate(service, { holder: "other" });
      await refresh(service);
      assert.deepEqual(await nextOpening(next), ["REQUESTED", 0]);
    }));

  test("callers without a holder are not the same", () =>
    withService(async (service) => {
      await openGate(service);
      await assert.rejects(openGate(service), BUSY);
    }));

  test("the same holder takes over, and the one before is notified", () =>
    withService(async (service) => {
      const first = await openGate(service, { holder: "prepuller" });
      await first.next();
      const second = await openGate(service, { holder: "prepuller" });
      const { code, reason } = await first.ended;
      assert.deepEqual([code, reason], ["ABORTED", "GATE_TAKEN_OVER"]);
      await refresh(service);
      assert.deepEqual(await nextOpening(second), ["REQUESTED", 0]);
      await refresh(service);
      assert.deepEqual(await nextOpening(second), ["REQUESTED", 0]);
    }));

  test("there are sixteen gates at most, and one that nobody holds makes room", () =>
    withService(async (service) => {
      const gates = await Promise.all(
        Array.from({ length: 16 }, (_, number) => openGate(service, { gate: `gate-${number}` })),
      );
      const refusal = { code: "RESOURCE_EXHAUSTED", reason: "TOO_MANY_GATES" };
      await assert.rejects(openGate(service, { gate: "gate-16" }), refusal);
      gates[3]?.cancel();
      await untilStreamsAre(service, 15);
      const late = await openGate(service, { gate: "gate-16" });
      assert.equal((await nextOpening(late))[0], "STARTUP");
    }));
});

describe("what opens the gates", { concurrency: true }, () => {
  test("a mark does not", () =>
    withService(async (service, peers) => {
      const gate = await openGate(service);
      await gate.next();
      await service.client.call("MarkPrepulled", { reference: peers.pullReference("w_2077_43"), node: "alder" });
      assert.deepEqual(await missingTags(service), {});
      await refresh(service);
      assert.deepEqual(await nextOpening(gate), ["REQUESTED", 0]);
    }));

  test("a node that joins does, and its images are missing by then", () =>
    withService(async (service, peers) => {
      const gate = await openGate(service);
      await gate.next();
      peers.setNode("beech");
      assert.deepEqual(await nextOpening(gate), ["NODES_CHANGED", 0]);
      assert.deepEqual(Object.keys(await missingTags(service)), ["alder", "beech"]);
    }));

  test("nodes that join together open them once", () =>
    withService(async (service, peers) => {
      const gate = await openGate(service);
      await gate.next();
      for (const name of ["beech", "cedar", "dogwood"]) peers.setNode(name);
      assert.deepEqual(await nextOpening(gate), ["NODES_CHANGED", 0]);
      await refresh(service);
      assert.deepEqual(await nextOpening(gate), ["REQUESTED", 0]);
    }));

  test("a node that needs nothing, or leaves, does not", () =>
    withService(async (service, peers) => {
      const gate = await openGate(service);
      await gate.next();
      peers.setNode("beech", ["w_2077_43"]);
      peers.cluster.deleteNode("alder");
      await eventually(async () => assert.deepEqual(await missingTags(service), {}));
      await refresh(service);
      assert.deepEqual(await nextOpening(gate), ["REQUESTED", 0]);
    }));
});

describe("a refresh while a change settles", () => {
  let peers: Peers;
  let service: Service;
  const world = new AsyncDisposableStack();
  before(async () => {
    peers = world.use(await startPeers());
    peers.push("recommended");
    peers.setNode("alder");
    service = world.use(await startReadyService(peers.config({ images: { refreshInterval: "1s" } })));
  });
  after(() => world.disposeAsync());

  test("reports the change, too: there is no second message", async () => {
    const gate = await openGate(service);
    await gate.next();
    await refresh(service);
    assert.deepEqual(await nextOpening(gate), ["REQUESTED", 0]);
    peers.setNode("beech");
    await eventually(async () => assert.ok("beech" in (await missingTags(service))));
    await refresh(service);
    assert.deepEqual(await nextOpening(gate), ["REQUESTED", 0]);
    assert.deepEqual(await nextOpening(gate), ["SCHEDULED", 0], "nothing in between");
  });
});

describe("a reader who does not read", () => {
  test("finds the latest, with the number of those that it stands for", () =>
    withService(async (service) => {
      await using gate = await openUnreadGate(service.grpc);
      await eventually(async () => assert.rejects(openGate(service), BUSY));
      for (let round = 0; round < 5; round++) await refresh(service);
      const last = await refresh(service);
      const messages = await gate.readUntil(({ state }) => state.generation === last.generation);
      assert.deepEqual(
        messages.map(({ coalesced }) => coalesced),
        [0, 5],
        "what the transport had taken at the start, and one for all the rest",
      );
    }));
});
