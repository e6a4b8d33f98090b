import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Kubelet } from "../../src/simulation/kubelet/kubelet.ts";
import { plainState, progressOf, reportPrepull, watchStatus } from "../cluster/service-calls.ts";
import { bandwidthFor, type PlayedNodes, playNodes } from "../cluster/service-nodes.ts";
import { type PodHistory, recordPods } from "../cluster/service-pods.ts";
import { eventually } from "../support/eventually.ts";
import { fastClock } from "./support/clocks.ts";
import { type ConfigChanges, type Peers, startPeers } from "./support/peers.ts";
import { missingTags, type Service, startReadyService } from "./support/service.ts";

const NAMESPACE = "lab";
const SOON = { withinMs: 20_000 };
const NEVER_MS = 3_600_000;
const BOTH = new Set(["disk-full", "registry-denied"]);

interface Scene {
  readonly peers: Peers;
  readonly nodes: PlayedNodes;
  readonly history: PodHistory;
  readonly service: Service;
  /** Those that were there before the service. */
  readonly kubelets: readonly Kubelet[];
}

interface SceneOptions {
  readonly images?: ConfigChanges["images"];
  readonly prepuller?: Readonly<Record<string, unknown>>;
  /** By how much time goes faster for the service. */
  readonly speed?: number;
  /** What is there before the service starts. */
  readonly before?: (nodes: PlayedNodes) => readonly Promise<Kubelet>[];
}

/** Two weeklies, of which the older one is recommended, and the service with its prepuller. */
async function withPrepuller(
  play: (scene: Scene) => Promise<void>,
  { images, prepuller, speed = 1, before }: SceneOptions = {},
): Promise<void> {
  await using peers = await startPeers();
  peers.cluster.put("namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } });
  for (const tag of ["w_2077_42", "w_2077_43"]) peers.push(tag);
  peers.push("recommended", "w_2077_42");
  await using nodes = playNodes({ url: peers.cluster.url });
  await using history = await recordPods({ url: peers.cluster.url }, NAMESPACE);
  const kubelets = await Promise.all(before?.(nodes) ?? []);
  // What a lease is about is shown with processes; here it would only run out faster than the machine can renew it.
  const leaderElection = { enabled: false };
  const config = peers.config({
    images: { numReleases: 0, numDailies: 0, ...images },
    prepuller: { enabled: true, namespace: NAMESPACE, leaderElection, ...prepuller },
  });
  await using service = await startReadyService(config, speed === 1 ? {} : { clock: fastClock(speed) });
  await play({ peers, nodes, history, service, kubelets });
}

/** Waits until every kubelet has so many images, nothing is missing and no pod is left. */
async function untilFull({ service, history }: Scene, kubelets: readonly Kubelet[], count: number): Promise<void> {
  const counts = kubelets.map(() => count);
  await eventually(
    () =>
      assert.deepEqual(
        kubelets.map(({ images }) => images.length),
        counts,
      ),
    SOON,
  );
  await eventually(async () => assert.deepEqual(await missingTags(service), {}), SOON);
  await eventually(() => assert.deepEqual(history.present, []), SOON);
}

/** What the metrics say of pulls that have failed, by class. */
async function failureClasses({ http }: Service): Promise<readonly string[]> {
  const metrics = await (await fetch(`http://${http}/metrics`)).text();
  return [...metrics.matchAll(/^labimages_pulls_total\{outcome="failure",failure="([^"]+)"\} [1-9]/gm)].map(
    ([, one = ""]) => one,
  );
}

describe("images get to the nodes", { concurrency: true }, () => {
  test("everywhere, the recommended one first, and a new weekly after them", () =>
    withPrepuller(
      async (scene) => {
        const { peers, nodes, history, service, kubelets } = scene;
        await untilFull(scene, kubelets, 2);
        const recommended = peers.pullReference("w_2077_42").split("@")[1];
        for (const name of ["alder", "beech", "cedar"]) {
          assert.equal(nodes.pulls.find(({ node }) => node === name)?.digest, recommended);
        }
        assert.equal(nodes.pulls.length, 6);
        const weekly = peers.push("w_2077_44");
        await service.client.call("Refresh", {});
        await untilFull(scene, kubelets, 3);
        assert.equal(nodes.pulls.filter(({ digest }) => digest === weekly).length, 3);
        assert.deepEqual([nodes.repeated, history.repeated, history.lost], [[], [], []]);
        assert.equal(history.pods.length, 9);
        const { menu } = await service.client.call("GetMenu", {});
        assert.ok(menu.some(({ reference }) => reference.includes("w_2077_44")));
      },
      { before: (nodes) => ["alder", "beech", "cedar"].map((name) => nodes.join(name)) },
    ));

  test("a node that joins is filled at once while another is stuck", () =>
    withPrepuller(
      async ({ nodes, service }) => {
        const stuck = await eventually(async () => {
          const [entry] = await progressOf(service);
          assert.equal(entry?.prepullState, "PULLING");
          return entry;
        }, SOON);
        await nodes.join("beech");
        await eventually(async () => assert.deepEqual(Object.keys(await missingTags(service)), ["alder"]), SOON);
        const still = (await progressOf(service)).find(({ reference }) => reference === stuck.reference);
        assert.deepEqual([still?.node, still?.prepullState, still?.attempts], ["alder", "PULLING", 1]);
      },
      { before: (nodes) => [nodes.join("alder", { bandwidthBytesPerSecond: bandwidthFor(NEVER_MS) })] },
    ));

  test("F70: a pull that is stuck is reported after its time-out, and keeps its pod and its node: nobody innocent is blamed", () =>
    withPrepuller(
      async ({ nodes, service, history }) => {
        await eventually(async () => {
          const entries = await progressOf(service);
          assert.deepEqual(
            entries.map(({ prepullState, reason, message, attempts }) => [prepullState, reason || message, attempts]),
            [
              ["FAILED", "Timeout", 1],
              ["WAITING", "waits behind an earlier pull on the node", 0],
            ],
          );
        }, SOON);
        assert.deepEqual(await failureClasses(service), ["timeout"]);
        assert.deepEqual(await missingTags(service), { alder: ["w_2077_42", "w_2077_43"] });
        assert.equal(history.present.length, 1, "its pod shows the end");
        assert.equal(nodes.pulls.length, 1);
      },
      {
        images: { prepullTimeout: "1s" },
        before: (nodes) => [nodes.join("alder", { bandwidthBytesPerSecond: bandwidthFor(NEVER_MS) })],
      },
    ));

  test("F70: a node whose pull never ends is given up on after stuckPullTimeout, and its next image is tried", () =>
    withPrepuller(
      async ({ nodes, service, history }) => {
        await eventually(() => assert.ok(history.pods.length >= 2), SOON);
        await eventually(async () => {
          const states = (await progressOf(service)).map(({ prepullState }) => prepullState);
          assert.deepEqual(states, ["FAILED", "FAILED"]);
        }, SOON);
        assert.equal(nodes.repeated.length, 0);
      },
      {
        images: { prepullTimeout: "1s" },
        prepuller: { stuckPullTimeout: "1s" },
        before: (nodes) => [nodes.join("alder", { bandwidthBytesPerSecond: bandwidthFor(NEVER_MS) })],
      },
    ));

  test("a cordon takes the pod away, and not its pull; uncordoned, the node is filled", () =>
    withPrepuller(
      async (scene) => {
        const { peers, nodes, service, history, kubelets } = scene;
        await eventually(() => assert.equal(nodes.pulls.length, 1), SOON);
        peers.cluster.patchNode("alder", { spec: { unschedulable: true } });
        await eventually(() => assert.deepEqual(history.present, []), SOON);
        await eventually(async () => {
          const [entry, ...others] = await progressOf(service);
          assert.deepEqual(others, []);
          assert.equal(entry?.prepullState, "CANCELLED");
          assert.equal(entry.message, "Node is tainted (NoSchedule, node.kubernetes.io/unschedulable)");
        }, SOON);
        assert.deepEqual(await missingTags(service), {});
        peers.cluster.patchNode("alder", { spec: { unschedulable: null } });
        await untilFull(scene, kubelets, 2);
        // The first image may have come without its pod, and been reported, before the node was uncordoned.
        assert.ok(nodes.pulls.length >= 2);
      },
      { before: (nodes) => [nodes.join("alder", { bandwidthBytesPerSecond: bandwidthFor(2_000) })] },
    ));

  test("a node leaves in the middle and is made again under its name: it is another node (K5)", () =>
    withPrepuller(async (scene) => {
      const { nodes, service, history } = scene;
      const slow = await nodes.join("alder", { bandwidthBytesPerSecond: bandwidthFor(NEVER_MS) });
      await eventually(() => assert.equal(nodes.pulls.length, 1), SOON);
      await slow.leave();
      await eventually(() => assert.deepEqual(history.present, []), SOON);
      await eventually(async () => assert.deepEqual(await progressOf(service), []), SOON);
      const again = await nodes.join("alder");
      await untilFull(scene, [again], 2);
      assert.deepEqual(history.repeated, []);
      atMostOneMore(history.pods);
      const states = (await progressOf(service)).map((entry) => entry.prepullState);
      assert.deepEqual(states, ["SUCCEEDED", "SUCCEEDED"]);
    }));

  test("a node is replaced under its name in one go, in the middle of its prepull (K5)", () =>
    withPrepuller(async (scene) => {
      const { nodes, history } = scene;
      const slow = await nodes.join("alder", { bandwidthBytesPerSecond: bandwidthFor(NEVER_MS) });
      await eventually(() => assert.equal(nodes.pulls.length, 1), SOON);
      await slow.leave();
      await untilFull(scene, [await nodes.join("alder")], 2);
      assert.deepEqual(history.repeated, []);
      atMostOneMore(history.pods);
    }));
});

/**
 * Two pods on the new node and one on the old; and one more where the old node's pod is seen to go before its node, so that
 * the next image is tried there.
 */
function atMostOneMore(pods: readonly unknown[]): void {
  assert.ok(pods.length >= 2 && pods.length <= 4, `${pods.length} pods`);
}

describe("what goes wrong on a node", { concurrency: true }, () => {
  test("the reason shows in the status and its watch, the pull is tried again later, and nothing counts as pulled", () =>
    withPrepuller(
      async (scene) => {
        const { peers, nodes, service, history } = scene;
        const message = 'failed to resolve reference: unexpected status: 403 Forbidden: "pull access denied"';
        nodes.failPulls("alder", () => message);
        using watch = watchStatus(service.grpc);
        const alder = await nodes.join("alder");
        const recommended = peers.pullReference("w_2077_42").split("@")[1] ?? "";
        const failed = await eventually(async () => {
          const entry = (await progressOf(service)).find(({ reference }) => reference.endsWith(recommended));
          assert.deepEqual([entry?.prepullState, entry?.reason], ["FAILED", "ErrImagePull"]);
          return entry;
        }, SOON);
        assert.ok(failed !== undefined);
        assert.ok(failed.message.includes("403 Forbidden"), failed.message);
        await eventually(() => {
          const told = watch.messages.flatMap(({ status }) => status?.progress ?? []);
          const entry = told.find((one) => plainState(one) === "FAILED" && one.reference.endsWith(recommended));
          assert.deepEqual([entry?.node, entry?.reason], ["alder", "ErrImagePull"]);
        }, SOON);
        await eventually(async () => {
          const entry = (await progressOf(service)).find(({ reference }) => reference.endsWith(recommended));
          assert.ok((entry?.attempts ?? 0) >= 2);
        }, SOON);
        assert.deepEqual(await missingTags(service), { alder: ["w_2077_42", "w_2077_43"] });
        assert.ok((await failureClasses(service)).includes("registry-denied"));
        nodes.failPulls("alder", () => null);
        await untilFull(scene, [alder], 2);
        assert.ok(history.lost.length >= 2);
      },
      { speed: 10 },
    ));

  test("a full disk and a refusing registry are distinguished, each once in log and alert", () =>
    withPrepuller(async ({ nodes, service }) => {
      nodes.failPulls("alder", () => "write /var/lib/containerd/ingest: no space left on device");
      nodes.failPulls("beech", () => "failed to authorize: 401 Unauthorized");
      await Promise.all(["alder", "beech"].map((name) => nodes.join(name)));
      await eventually(async () => {
        const states = (await progressOf(service)).map(({ node, prepullState }) => `${node} ${prepullState}`);
        assert.deepEqual(states, ["alder FAILED", "alder FAILED", "beech FAILED", "beech FAILED"]);
      }, SOON);
      assert.deepEqual(new Set(await failureClasses(service)), BOTH);
      const told = service.log.filter(({ msg, level }) => level === "warn" && msg.startsWith("pull failed"));
      assert.deepEqual(new Set(told.map((line) => line["failureClass"])), BOTH);
      assert.ok(told.some(({ msg }) => msg.includes("disk is full")));
      assert.ok(told.some(({ msg }) => msg.includes("look at prepuller.pullSecret")));
    }));
});

describe("an outside prepuller", { concurrency: true }, () => {
  test("reports what it does, and the same status shows it; nothing is pulled by us", () =>
    withPrepuller(
      async ({ peers, service, history }) => {
        peers.setNode("alder");
        await eventually(async () => assert.deepEqual(Object.keys(await missingTags(service)), ["alder"]), SOON);
        const reference = peers.pullReference("w_2077_42");
        const shown = async () => {
          const entry = (await progressOf(service)).find((one) =>
            one.reference.endsWith(reference.split("@")[1] ?? ""),
          );
          return [entry?.prepullState, entry?.reason, entry?.message, entry?.attempts];
        };
        const report = (state: string, reason = "", message = "") =>
          reportPrepull(service.grpc, {
            reference,
            node: "alder",
            prepullState: `PREPULL_STATE_${state}`,
            reason,
            message,
          });
        assert.equal(await report("PULLING"), true);
        await eventually(async () => assert.deepEqual(await shown(), ["PULLING", "", "", 1]), SOON);
        assert.equal(await report("FAILED", "ErrImagePull", "no such host"), true);
        await eventually(
          async () => assert.deepEqual(await shown(), ["FAILED", "ErrImagePull", "no such host", 1]),
          SOON,
        );
        assert.deepEqual(await missingTags(service), { alder: ["w_2077_42", "w_2077_43"] });
        assert.equal(await report("PULLING"), true);
        assert.equal(await report("SUCCEEDED"), true);
        await eventually(async () => assert.deepEqual(await missingTags(service), { alder: ["w_2077_43"] }), SOON);
        await eventually(async () => assert.equal((await shown())[0], "SUCCEEDED"), SOON);
        const mark = { reference: peers.pullReference("w_2077_43"), node: "alder" };
        assert.equal((await service.client.call("MarkPrepulled", mark)).applied, true);
        assert.deepEqual(await missingTags(service), {});
        assert.deepEqual(history.pods, []);
      },
      { prepuller: { enabled: false } },
    ));
});
