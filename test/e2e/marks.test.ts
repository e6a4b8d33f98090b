import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { eventually } from "../support/eventually.ts";
import { type ShiftableClock, shiftableClock } from "./support/clocks.ts";
import { type ConfigChanges, type Peers, startPeers } from "./support/peers.ts";
import { missingTags, type Service, startReadyService, tagsOf } from "./support/service.ts";

interface Scene {
  readonly peers: Peers;
  readonly service: Service;
  readonly clock: ShiftableClock;
  mark(tag: string, node: string): Promise<boolean>;
}

const MARK_GRACE_MS = 60_000;

/** A node that has the daily, and lacks the weekly that `recommended` stands for. */
async function withScene(play: (scene: Scene) => Promise<void>, changes: ConfigChanges = {}): Promise<void> {
  await using peers = await startPeers();
  peers.push("w_2077_43");
  peers.push("recommended", "w_2077_43");
  peers.push("d_2077_10_23");
  peers.push("sketch");
  peers.setNode("alder", ["d_2077_10_23"]);
  const clock = shiftableClock();
  await using service = await startReadyService(peers.config(changes), { clock });
  await play({
    peers,
    service,
    clock,
    async mark(tag, node) {
      const { applied } = await service.client.call("MarkPrepulled", { reference: peers.pullReference(tag), node });
      return applied;
    },
  });
}

/** Waits until the service has seen the node report these images of the registry, by what it shows as cached. */
async function untilCached({ peers, service }: Scene, node: string, tags: readonly string[]): Promise<void> {
  await eventually(async () => {
    const { status } = await service.client.call("GetPrepullStatus", {});
    const cached = status.nodes.find(({ name }) => name === node)?.cached;
    assert.deepEqual(cached, tags.map(peers.reference));
  });
}

describe("a mark", { concurrency: true }, () => {
  test("shows at once in every answer, for the image and all its aliases", () =>
    withScene(async ({ service: { client }, mark }) => {
      assert.equal(await mark("w_2077_43", "alder"), true);
      const { images } = await client.call("ListImages", {});
      const prepulled = images.filter((image) => image.prepulled);
      assert.deepEqual(tagsOf(prepulled), ["recommended", "w_2077_43", "d_2077_10_23"]);
      const { image } = await client.call("ResolveImage", { tag: "recommended" });
      assert.deepEqual(image.nodes, ["alder"]);
      assert.deepEqual((await client.call("ListMissingImages", {})).nodes, []);
      const { menu } = await client.call("GetMenu", {});
      assert.equal(menu.length, 2);
      const { status } = await client.call("GetPrepullStatus", {});
      assert.deepEqual(status.pending, []);
    }));

  test("F67: that is made again, or of what the node reports anyway, makes no generation", () =>
    withScene(async ({ service: { client }, mark }) => {
      assert.equal(await mark("w_2077_43", "alder"), true);
      const { state } = await client.call("ListImages", {});
      for (let round = 0; round < 3; round++) {
        for (const tag of ["w_2077_43", "d_2077_10_23"]) assert.equal(await mark(tag, "alder"), true);
      }
      assert.equal((await client.call("ListImages", {})).state.generation, state.generation);
    }));

  test("of what is not in the prepull set, of a node that is not there, or of another repository is ignored", () =>
    withScene(async ({ service, peers, mark }) => {
      assert.equal(await mark("sketch", "alder"), false);
      assert.equal(await mark("w_2077_43", "beech"), false);
      const reference = peers.pullReference("w_2077_43").replace("sketchbook", "other");
      assert.equal((await service.client.call("MarkPrepulled", { reference, node: "alder" })).applied, false);
      assert.deepEqual(await missingTags(service), { alder: ["w_2077_43"] });
    }));

  test("needs a digest and a node", () =>
    withScene(async ({ service: { client }, peers }) => {
      const reference = peers.reference("w_2077_43");
      const refusal = { code: "INVALID_ARGUMENT", reason: "INVALID_REFERENCE", fields: ["reference"] };
      await assert.rejects(client.call("MarkPrepulled", { reference, node: "alder" }), refusal);
      const whole = peers.pullReference("w_2077_43");
      await assert.rejects(client.call("MarkPrepulled", { reference: whole, node: "" }), { fields: ["node"] });
    }));
});

describe("what the cluster says replaces a mark", { concurrency: true }, () => {
  test("a report without the image does not, before the grace is over; then it does", () =>
    withScene(async (scene) => {
      const { peers, service, clock, mark } = scene;
      await mark("w_2077_43", "alder");
      peers.push("w_2077_42");
      peers.report("alder", ["w_2077_42"]);
      await eventually(async () => {
        assert.deepEqual(await missingTags(service), { alder: ["d_2077_10_23"] });
      });
      clock.shift(MARK_GRACE_MS);
      peers.report("alder", ["d_2077_10_23"]);
      await eventually(async () => assert.deepEqual(await missingTags(service), { alder: ["w_2077_43"] }));
    }));

  test("once a report has shown the image, the next one that does not is believed at once", () =>
    withScene(async (scene) => {
      const { peers, service, mark } = scene;
      await mark("w_2077_43", "alder");
      peers.report("alder", ["w_2077_43"]);
      await untilCached(scene, "alder", ["w_2077_43"]);
      peers.report("alder", ["d_2077_10_23"]);
      await eventually(async () => assert.deepEqual(await missingTags(service), { alder: ["w_2077_43"] }));
    }));

  test("a refresh that was running already does not, even without any grace; the next one does", () =>
    withScene(
      async (scene) => {
        const { peers, service, mark } = scene;
        peers.clusterProxy.setFault({ kind: "latency", milliseconds: 300, applyToOpen: true });
        const lists = () => peers.cluster.requests.filter(({ target }) => !target.includes("watch=")).length;
        const before = lists();
        const running = service.client.call("Refresh", {});
        await eventually(() => assert.equal(lists(), before + 1));
        await mark("w_2077_43", "alder");
        await running;
        assert.deepEqual(await missingTags(service), {});
        await service.client.call("Refresh", {});
        assert.deepEqual(await missingTags(service), { alder: ["w_2077_43"] });
      },
      { kubernetes: { markGrace: 0 } },
    ));

  test("a node that is made again under its name has lost it", () =>
    withScene(async ({ peers, service, mark }) => {
      await mark("w_2077_43", "alder");
      peers.cluster.deleteNode("alder");
      peers.setNode("alder", ["d_2077_10_23"]);
      await eventually(async () => assert.deepEqual(await missingTags(service), { alder: ["w_2077_43"] }));
    }));
});
