import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { CoreV1Api, KubeConfig } from "@kubernetes/client-node";
import { runOutsidePrepuller } from "../../examples/outside-prepuller.ts";
import { type Kubelet, startKubelet } from "../../src/simulation/kubelet/kubelet.ts";
import { createRegistryLink } from "../../src/simulation/kubelet/kubelet-pulls.ts";
import { demoKubeletDelays } from "../../src/simulation/kubelet/kubelet-settings.ts";
import { machineTime } from "../../src/simulation/kubernetes/kubernetes-time.ts";
import { type Peers, startPeers } from "../e2e/support/peers.ts";
import { type Service, startReadyService } from "../e2e/support/service.ts";
import { eventually } from "../support/eventually.ts";

const POLL_MS = 20;
const SIZE = 1_000_000;

/** Kubelets that pull a megabyte in no time and report at once. */
async function startNodes(peers: Peers, names: readonly string[], digests: Readonly<Record<string, string>>) {
  const link = createRegistryLink(machineTime, 1e9);
  const resolve = (reference: string) => {
    const digest = Object.values(digests).find((one) => reference.endsWith(`@${one}`));
    return digest === undefined ? null : { digest, sizeBytes: SIZE };
  };
  const common = { api: { url: peers.cluster.url }, link, bandwidthBytesPerSecond: 1e9, diskBytes: 1e12, resolve };
  return await Promise.all(
    names.map((name) =>
      startKubelet({ ...common, name, delays: { ...demoKubeletDelays, imageReadMs: 100, statusMs: 100 } }),
    ),
  );
}

async function missingNodes({ client }: Service): Promise<readonly string[]> {
  const { nodes } = await client.call("ListMissingImages", {});
  return nodes.map(({ node }) => node);
}

test("the example fills every node, reports what fails, and leaves no pod behind", async () => {
  await using peers = await startPeers();
  const digests = { weekly: peers.push("w_2077_43"), daily: peers.push("d_2077_10_23") };
  peers.push("recommended", "w_2077_43");
  const kubelets: readonly Kubelet[] = await startNodes(peers, ["alder", "birch"], digests);
  kubelets[1]?.failPulls((reference) => (reference.includes(digests.daily) ? "no space left on device" : null));
  await using service = await startReadyService(peers.config({ images: { numWeeklies: 1, numDailies: 1 } }));
  const config = new KubeConfig();
  config.loadFromString(peers.cluster.kubeconfig);
  const ending = new AbortController();
  const running = runOutsidePrepuller(service.grpc, config.makeApiClient(CoreV1Api), ending.signal, POLL_MS);
  try {
    await eventually(async () => assert.deepEqual(await missingNodes(service), ["birch"]), { withinMs: 20_000 });
    assert.equal(kubelets[0]?.images.length, 2);
    const failed = await eventually(async () => {
      const { status } = await service.client.call("GetPrepullStatus", {});
      const found = status?.progress.find(({ prepullState }) => prepullState === "PREPULL_STATE_FAILED");
      assert.ok(found);
      return found;
    });
    assert.deepEqual([failed.node, failed.reason], ["birch", "ErrImagePull"]);
    kubelets[1]?.failPulls(() => null);
    await service.client.call("Refresh", {});
    await eventually(async () => assert.deepEqual(await missingNodes(service), []), { withinMs: 20_000 });
    await eventually(() => assert.deepEqual(peers.cluster.list("pods"), []), { withinMs: 20_000 });
  } finally {
    ending.abort();
    await running;
    await Promise.all(kubelets.map((kubelet) => kubelet.stop()));
  }
});

test("the example goes on with what a killed process has left, says what is refused, and removes its pods at its end", async () => {
  await using peers = await startPeers();
  const digests = { weekly: peers.push("w_2077_43"), daily: peers.push("d_2077_10_23") };
  peers.push("recommended", "w_2077_43");
  peers.setNode("alder");
  const changes = {
    images: { numWeeklies: 1, numDailies: 1 },
    tolerations: [{ key: "lab", operator: "Exists" }],
    prepuller: { enabled: false, namespace: "labs", pullSecret: "registry" },
  };
  await using service = await startReadyService(peers.config(changes));
  const config = new KubeConfig();
  config.loadFromString(peers.cluster.kubeconfig);
  const core = config.makeApiClient(CoreV1Api);
  const podOf = (image: string) => peers.cluster.list("pods").find(({ spec }) => JSON.stringify(spec).includes(image));
  const stateOf = async (image: string) => {
    const { status } = await service.client.call("GetPrepullStatus", {});
    return status.progress.find(({ reference }) => reference.endsWith(image))?.prepullState;
  };

  async function runUntil<T>(isDone: () => Promise<T>): Promise<T> {
    const ending = new AbortController();
    const running = runOutsidePrepuller(service.grpc, core, ending.signal, POLL_MS);
    try {
      return await eventually(isDone);
    } finally {
      ending.abort();
      await running;
    }
  }

  await runUntil(async () => assert.equal(await stateOf(digests.weekly), "PREPULL_STATE_FAILED"));
  assert.deepEqual(peers.cluster.list("pods"), [], "there is no such namespace");
  peers.cluster.put("namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name: "labs" } });
  await service.client.call("Refresh", {});
  const pod = await runUntil(async () => {
    const found = podOf(digests.weekly);
    assert.ok(found !== undefined);
    return found;
  });
  assert.equal(await stateOf(digests.weekly), "PREPULL_STATE_CANCELLED");
  assert.deepEqual(peers.cluster.list("pods"), []);
  assert.match(JSON.stringify(pod.spec), /"imagePullSecrets":\[\{"name":"registry"\}\]/);
  assert.match(JSON.stringify(pod.spec), /"key":"lab","operator":"Exists"/);
  // As if it had been killed instead.
  const containerStatuses = [{ name: "prepull", imageID: `lab@${digests.weekly}`, state: {} }];
  peers.cluster.put("pods", { ...pod, status: { phase: "Succeeded", containerStatuses } });
  await service.client.call("Refresh", {});
  await runUntil(async () => assert.equal(await stateOf(digests.weekly), "PREPULL_STATE_SUCCEEDED"));
  assert.deepEqual(peers.cluster.list("pods"), []);
});

test("the example is short enough to be read", async () => {
  const text = await readFile(join(import.meta.dirname, "..", "..", "examples", "outside-prepuller.ts"), "utf8");
  assert.ok(text.split("\n").length < 100);
});
