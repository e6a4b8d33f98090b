import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fastClock } from "./support/clocks.ts";
import type { ConfigChanges } from "./support/peers.ts";
import {
  builtIn,
  failPod,
  type PrepullRun,
  podOn,
  podsOf,
  provePod,
  pullOutcomes,
  soon,
  startPrepullPeers,
  taskOn,
  untilTaskIs,
} from "./support/prepull-scene.ts";
import { missingTags, type ServiceOptions, startReadyService } from "./support/service.ts";

/*
 * The nodes here have no kubelets: a pod stays as it is until the test says of it what a kubelet would. So each test
 * decides when a pull ends, and what a node reports of it.
 */

interface SceneOptions extends ServiceOptions {
  /** The first is the recommended one. */
  readonly tags?: readonly string[];
  readonly nodes?: readonly string[];
  readonly images?: ConfigChanges["images"];
  readonly prepuller?: Readonly<Record<string, unknown>>;
}

async function withScene(
  play: (scene: PrepullRun) => Promise<void>,
  { tags = ["w_2077_42", "w_2077_43"], nodes = ["alder"], images, prepuller, ...options }: SceneOptions = {},
): Promise<void> {
  await using peers = await startPrepullPeers(tags);
  for (const node of nodes) peers.setNode(node);
  const config = peers.config({ images: { numDailies: 0, ...images }, prepuller: builtIn(prepuller) });
  await using service = await startReadyService(config, options);
  await play({ peers, service });
}

describe("what changes while a node is worked on", { concurrency: true }, () => {
  test("a new image is pulled at once to a node on which everything else has failed", () =>
    withScene(
      async (scene) => {
        const { peers, service } = scene;
        failPod(peers, await podOn(peers, "alder", "w_2077_42"), "manifest unknown");
        await untilTaskIs(scene, "alder", "w_2077_42", "FAILED");
        peers.push("w_2077_43");
        await service.client.call("Refresh", {});
        await podOn(peers, "alder", "w_2077_43");
        assert.equal((await untilTaskIs(scene, "alder", "w_2077_43", "PULLING")).attempts, 1);
      },
      { tags: ["w_2077_42"] },
    ));

  test("a pull goes on when the node lacks one image more", () =>
    withScene(
      async (scene) => {
        const { peers, service } = scene;
        const pod = await podOn(peers, "alder", "w_2077_42");
        peers.push("w_2077_43");
        await service.client.call("Refresh", {});
        await untilTaskIs(scene, "alder", "w_2077_43", "WAITING");
        assert.equal((await taskOn(scene, "alder", "w_2077_42"))?.attempts, 1);
        provePod(peers, pod);
        await podOn(peers, "alder", "w_2077_43");
        assert.deepEqual(await pullOutcomes(service), { success: 1 });
      },
      { tags: ["w_2077_42"] },
    ));

  test("F70: a pull of what does not belong there any longer goes on, and the next image waits behind it until its pod shows the end", () =>
    withScene(
      async (scene) => {
        const { peers, service } = scene;
        provePod(peers, await podOn(peers, "alder", "w_2077_42"));
        const pod = await podOn(peers, "alder", "w_2077_43");
        peers.push("w_2077_44");
        await service.client.call("Refresh", {});
        await untilTaskIs(scene, "alder", "w_2077_43", "CANCELLED");
        const next = await untilTaskIs(scene, "alder", "w_2077_44", "WAITING");
        assert.deepEqual([next.message, next.attempts], ["waits behind an earlier pull on the node", 0]);
        assert.deepEqual(podsOf(peers), ["alder w_2077_43"], "the pod is kept");
        provePod(peers, pod);
        await podOn(peers, "alder", "w_2077_44");
        await soon(() => assert.deepEqual(podsOf(peers), ["alder w_2077_44"]));
        assert.equal((await untilTaskIs(scene, "alder", "w_2077_44", "PULLING")).message, "");
        assert.deepEqual(await pullOutcomes(service), { success: 1, cancelled: 1 });
      },
      { images: { numReleases: 0, numWeeklies: 1 } },
    ));

  test("F70: the pod of a node that is cordoned goes; its pull goes on, and gives up its slot after the time-out", () =>
    withScene(
      async (scene) => {
        const { peers } = scene;
        const [first = ""] = await soon(() => {
          const pods = podsOf(peers);
          assert.equal(pods.length, 1);
          return pods;
        });
        const [cordoned, other] = first.startsWith("alder") ? ["alder", "beech"] : ["beech", "alder"];
        peers.cluster.patchNode(cordoned, { spec: { unschedulable: true } });
        await untilTaskIs(scene, cordoned, "w_2077_42", "CANCELLED");
        await soon(() => assert.deepEqual(podsOf(peers), [`${other} w_2077_42`]));
      },
      {
        tags: ["w_2077_42"],
        nodes: ["alder", "beech"],
        prepuller: { maxConcurrentPulls: 1 },
        images: { prepullTimeout: "4s" },
      },
    ));

  test("the pod of a node that has all it lacked goes, while another node is still being filled", () =>
    withScene(
      async ({ peers }) => {
        for (const node of ["alder", "beech"]) await podOn(peers, node, "w_2077_42");
        peers.report("alder", ["w_2077_42"]);
        await soon(() => assert.deepEqual(podsOf(peers), ["beech w_2077_42"]));
      },
      { tags: ["w_2077_42"], nodes: ["alder", "beech"] },
    ));

  test("more nodes than are seen to in one go all get their turn", () =>
    withScene(
      async ({ peers }) => {
        await soon(() => assert.equal(podsOf(peers).length, 110));
      },
      {
        tags: ["w_2077_42"],
        nodes: Array.from({ length: 110 }, (_, index) => `n${index}`),
        prepuller: { maxConcurrentPulls: 200, adaptive: false },
      },
    ));
});

describe("how a pull ends", { concurrency: true }, () => {
  test("it has succeeded with its container, long before the node reports the image", () =>
    withScene(async (scene) => {
      const { peers, service } = scene;
      for (const tag of ["w_2077_42", "w_2077_43"]) {
        provePod(peers, await podOn(peers, "alder", tag));
        await untilTaskIs(scene, "alder", tag, "SUCCEEDED");
      }
      assert.deepEqual(await missingTags(service), {});
      assert.deepEqual(await pullOutcomes(service), { success: 2 });
    }));

  for (const [what, tags] of [
    ["the node's last image", ["w_2077_42"]],
    ["one of several images", ["w_2077_42", "w_2077_43"]],
  ] as const) {
    test(`it has succeeded once, and is not cancelled, where the node reports ${what} before its pod does`, () =>
      withScene(
        async (scene) => {
          const { peers, service } = scene;
          const pod = await podOn(peers, "alder", "w_2077_42");
          await untilTaskIs(scene, "alder", "w_2077_42", "PULLING");
          peers.report("alder", ["w_2077_42"]);
          await untilTaskIs(scene, "alder", "w_2077_42", "SUCCEEDED");
          await soon(() =>
            assert.ok(!peers.cluster.list("pods").some(({ metadata }) => metadata.uid === pod.metadata.uid)),
          );
          for (const tag of tags.slice(1)) provePod(peers, await podOn(peers, "alder", tag));
          await soon(async () => assert.deepEqual(await missingTags(service), {}));
          assert.deepEqual(await pullOutcomes(service), { success: tags.length });
        },
        { tags },
      ));
  }

  test("what has failed gives its turn away, and shows when it is tried again", () =>
    withScene(
      async (scene) => {
        const { peers, service } = scene;
        failPod(peers, await podOn(peers, "alder", "w_2077_42"), "no space left on device");
        const failed = await untilTaskIs(scene, "alder", "w_2077_42", "FAILED");
        assert.equal(failed.reason, "ErrImagePull");
        provePod(peers, await podOn(peers, "alder", "w_2077_43"));
        await soon(async () => assert.deepEqual(await missingTags(service), { alder: ["w_2077_42"] }));
        await untilTaskIs(scene, "alder", "w_2077_42", "PULLING");
        assert.equal((await taskOn(scene, "alder", "w_2077_42"))?.attempts, 2);
      },
      { prepuller: { maxConcurrentPulls: 1 }, clock: fastClock(10) },
    ));
});

describe("an outside prepuller", { concurrency: true }, () => {
  const outside = { prepuller: { enabled: false }, tags: ["w_2077_42"] };
  const reporter =
    ({ service, peers }: PrepullRun) =>
    (state: string, message: string) =>
      service.client.call("ReportPrepull", {
        reference: peers.pullReference("w_2077_42"),
        node: "alder",
        prepullState: `PREPULL_STATE_${state}`,
        message,
      });

  test("may report how far a pull has come, and that it was given up", () =>
    withScene(async (scene) => {
      const report = reporter(scene);
      await report("PULLING", "");
      await untilTaskIs(scene, "alder", "w_2077_42", "PULLING");
      await report("PULLING", "layer 3 of 12");
      await soon(async () => assert.equal((await taskOn(scene, "alder", "w_2077_42"))?.message, "layer 3 of 12"));
      await report("CANCELLED", "not today");
      const task = await untilTaskIs(scene, "alder", "w_2077_42", "CANCELLED");
      assert.deepEqual([task.message, task.attempts], ["not today", 1]);
    }, outside));

  test("has failed where nothing more is heard of a pull", () =>
    withScene(
      async (scene) => {
        await reporter(scene)("PULLING", "");
        const { reason } = await untilTaskIs(scene, "alder", "w_2077_42", "FAILED");
        assert.equal(reason, "DeadlineExceeded");
        assert.deepEqual(await missingTags(scene.service), { alder: ["w_2077_42"] });
      },
      { ...outside, images: { prepullTimeout: "1s" }, clock: fastClock(10) },
    ));
});
