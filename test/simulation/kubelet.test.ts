import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Kubelet, type KubeletOptions, startKubelet } from "../../src/simulation/kubelet/kubelet.ts";
import { createRegistryLink } from "../../src/simulation/kubelet/kubelet-pulls.ts";
import { demoKubeletDelays } from "../../src/simulation/kubelet/kubelet-settings.ts";
import { type SimulatedKubernetes, startKubernetesApi } from "../../src/simulation/kubernetes/kubernetes-api.ts";
import type { ApiObject, JsonObject } from "../../src/simulation/kubernetes/kubernetes-objects.ts";
import { machineTime } from "../../src/simulation/kubernetes/kubernetes-time.ts";
import { createApiClient } from "../cluster/api-client.ts";
import { eventually } from "../support/eventually.ts";

const REPOSITORY = "registry.example.org/lab";
const delays = {
  ...demoKubeletDelays,
  imageReadMs: 5,
  statusMs: 5,
  leaseMs: 5,
  pullBackoffMs: 5,
  pullBackoffMaxMs: 10,
  containerMs: 1,
};

function digest(number: number): string {
  return `sha256:${String(number).padStart(64, "0")}`;
}

interface Bench extends AsyncDisposable {
  readonly api: SimulatedKubernetes;
  readonly kubelet: Kubelet;
  /** Creates a pod that is bound to the node and uses the image of this number. */
  run(name: string, image: number, spec?: JsonObject): Promise<void>;
  pod(name: string): ApiObject | undefined;
  remove(name: string): Promise<void>;
}

async function startBench(options: Partial<KubeletOptions> = {}): Promise<Bench> {
  const api = await startKubernetesApi();
  const client = createApiClient(api.url, "", "any");
  const kubelet = await startKubelet({
    api: { url: api.url },
    name: "node-a",
    link: createRegistryLink(machineTime, 1e12),
    bandwidthBytesPerSecond: 1e12,
    diskBytes: 1_000,
    delays,
    resolve: (reference) => {
      const number = Number(/:w_(\d+)/.exec(reference)?.[1]);
      return Number.isNaN(number) ? null : { digest: digest(number), sizeBytes: 100 + number };
    },
    ...options,
  });
  const pods = "/api/v1/namespaces/default/pods";
  return {
    api,
    kubelet,
    async run(name, image, spec = {}) {
      const containers = [{ name: "main", image: `${REPOSITORY}:w_${image}@${digest(image)}` }];
      const body = {
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name },
        spec: { nodeName: "node-a", restartPolicy: "Never", containers, ...spec },
      };
      await client.request("POST", pods, { body });
    },
    pod: (name) => api.list("pods").find((each) => each.metadata.name === name),
    remove: (name) => client.request("DELETE", `${pods}/${name}`),
    async [Symbol.asyncDispose]() {
      await kubelet.stop();
      await client.close();
      await api.close();
    },
  };
}

function node(api: SimulatedKubernetes): ApiObject {
  const [found] = api.list("nodes");
  assert.ok(found !== undefined);
  return found;
}

function reported(api: SimulatedKubernetes): readonly { names: readonly string[]; sizeBytes: number }[] {
  return (node(api).status?.["images"] ?? []) as unknown as { names: string[]; sizeBytes: number }[];
}

function waitingReason(pod: ApiObject | undefined): unknown {
  const [status] = (pod?.status?.["containerStatuses"] ?? []) as unknown as {
    state: { waiting?: { reason: string } };
  }[];
  return status?.state.waiting?.reason;
}

describe("simulated kubelet: the node", () => {
  it("registers with labels and taints, gets ready, and renews its lease", async () => {
    const taints = [{ key: "lab", value: "only", effect: "NoSchedule" }];
    await using bench = await startBench({ labels: { pool: "lab" }, taints });
    const { api } = bench;
    await eventually(() => assert.deepEqual(node(api).spec?.["taints"], taints));
    const { labels } = node(api).metadata;
    assert.deepEqual([labels?.["pool"], labels?.["kubernetes.io/arch"]], ["lab", "amd64"]);
    const renewals = new Set<unknown>();
    await eventually(() => {
      renewals.add(api.list("leases")[0]?.spec?.["renewTime"]);
      assert.ok(renewals.size > 3);
    });
  });

  it("says when it is not ready, and again when it is", async () => {
    await using bench = await startBench();
    bench.kubelet.setReady(false);
    await eventually(() => assert.match(JSON.stringify(node(bench.api).spec?.["taints"]), /not-ready/));
    bench.kubelet.setReady(true);
    await eventually(() => assert.deepEqual(node(bench.api).spec?.["taints"], []));
  });

  it("takes over the node object that is there already, and deletes it when it leaves", async () => {
    await using bench = await startBench();
    const uid = node(bench.api).metadata.uid;
    await bench.kubelet.stop();
    const again = await startKubelet({
      api: { url: bench.api.url },
      name: "node-a",
      link: createRegistryLink(machineTime, 1e12),
      bandwidthBytesPerSecond: 1e12,
      diskBytes: 1_000,
      resolve: () => null,
    });
    assert.equal(node(bench.api).metadata.uid, uid);
    await again.leave();
    assert.deepEqual(bench.api.list("nodes"), []);
  });
});

describe("simulated kubelet: reports", () => {
  it("reports the largest images first, up to its limit, with names", async () => {
    await using bench = await startBench({ maxImages: 2, diskBytes: 1e9 });
    const { api, kubelet } = bench;
    await kubelet.pull(`${REPOSITORY}:w_1`, digest(1), 101);
    await kubelet.pull(`${REPOSITORY}:w_3@${digest(3)}`, digest(3), 103);
    await kubelet.pull(`${REPOSITORY}:w_2`, digest(2), 102);
    await kubelet.pull(`${REPOSITORY}:latest`, digest(2), 102);
    await eventually(() =>
      assert.deepEqual(reported(api), [
        { names: [`${REPOSITORY}@${digest(3)}`], sizeBytes: 103 },
        { names: [`${REPOSITORY}@${digest(2)}`, `${REPOSITORY}:w_2`, `${REPOSITORY}:latest`], sizeBytes: 102 },
      ]),
    );
    kubelet.removeImage(digest(3));
    await eventually(() => assert.equal(reported(api)[0]?.sizeBytes, 102));
  });

  it("cuts names after the fifth, tags first", async () => {
    await using bench = await startBench({ diskBytes: 1e9 });
    const { api, kubelet } = bench;
    for (const tag of ["a", "b", "c", "d", "e"]) await kubelet.pull(`${REPOSITORY}:${tag}`, digest(1), 100);
    await kubelet.report();
    assert.equal(reported(api)[0]?.names.length, 5);
    assert.equal(reported(api)[0]?.names[0], `${REPOSITORY}@${digest(1)}`);
  });

  it("reports everything at -1 and nothing at 0", async () => {
    for (const [maxImages, expected] of [
      [-1, 60],
      [0, 0],
    ] as const) {
      await using bench = await startBench({ maxImages, diskBytes: 1e9 });
      for (let i = 0; i < 60; i += 1) await bench.kubelet.pull(`${REPOSITORY}:w_${i}`, digest(i), 100 + i);
      await bench.kubelet.report();
      assert.equal(reported(bench.api).length, expected);
    }
  });

  it("collects when the disk is full, never used images first, and none that it has only just seen", async () => {
    await using bench = await startBench({ diskBytes: 1_000, delays: { ...delays, imageMinAgeMs: 0 } });
    const { kubelet, run, pod } = bench;
    await run("user", 1);
    await eventually(() => assert.equal(pod("user")?.status?.["phase"], "Succeeded"));
    for (let i = 2; i <= 9; i += 1) await kubelet.pull(`${REPOSITORY}:w_${i}`, digest(i), 100 + i);
    assert.equal(kubelet.images.length, 9, "nothing is collected between two looks");
    // 945 bytes where 850 may be used: 2 and 3 have to go. The ended pod protects 1 for as long as it exists.
    kubelet.collectImages();
    assert.deepEqual(
      kubelet.images.map((image) => Number(image.digest.slice(-2))),
      [1, 4, 5, 6, 7, 8, 9],
    );
  });

  it("leaves images alone that were first seen a short while ago", async () => {
    await using bench = await startBench({ diskBytes: 150, delays: { ...delays, imageMinAgeMs: 60_000 } });
    await bench.kubelet.pull(`${REPOSITORY}:w_1`, digest(1), 149);
    bench.kubelet.collectImages();
    assert.equal(bench.kubelet.images.length, 1);
  });

  it("deletes a prepulled image by its age at the first look, unless its ended pod still exists (F73)", async () => {
    await using bench = await startBench({ imageMaxAgeMs: 1 });
    const { kubelet, run, pod, remove } = bench;
    await run("prepull", 1);
    await eventually(() => assert.equal(pod("prepull")?.status?.["phase"], "Succeeded"));
    kubelet.collectImages();
    assert.equal(kubelet.images.length, 1, "in use as long as the pod exists");
    await remove("prepull");
    await eventually(() => assert.equal(pod("prepull"), undefined));
    await eventually(() => {
      kubelet.collectImages();
      assert.deepEqual(kubelet.images, []);
    });
  });
});

describe("simulated kubelet: pods", () => {
  it("pulls, runs and ends a pod, with the image's id", async () => {
    await using bench = await startBench();
    await bench.run("prepull", 1);
    const done = await eventually(() => {
      const pod = bench.pod("prepull");
      assert.equal(pod?.status?.["phase"], "Succeeded");
      return pod;
    });
    const [container] = (done?.status?.["containerStatuses"] ?? []) as unknown as JsonObject[];
    assert.equal(container?.["imageID"], `${REPOSITORY}@${digest(1)}`);
    assert.deepEqual(Object.keys(container?.["state"] as JsonObject), ["terminated"]);
    await eventually(() => assert.equal(reported(bench.api).length, 1));
  });

  it("says why a pull fails, tries again, and gets over it", async () => {
    await using bench = await startBench();
    bench.kubelet.failPulls(() => "toomanyrequests");
    await bench.run("prepull", 1);
    const seen = new Set<unknown>();
    await eventually(() => {
      seen.add(waitingReason(bench.pod("prepull")));
      assert.ok(seen.has("ErrImagePull") && seen.has("ImagePullBackOff"));
    });
    bench.kubelet.failPulls(() => null);
    await eventually(() => assert.equal(bench.pod("prepull")?.status?.["phase"], "Succeeded"));
  });

  it("fails a pod whose deadline has passed", async () => {
    await using bench = await startBench({ resolve: () => null });
    await bench.run("prepull", 1, { activeDeadlineSeconds: 0.05 });
    await eventually(() => assert.equal(bench.pod("prepull")?.status?.["reason"], "DeadlineExceeded"));
    assert.equal(bench.pod("prepull")?.status?.["phase"], "Failed");
  });

  it("keeps a pod that is being deleted until its pull has ended", async () => {
    await using bench = await startBench({ bandwidthBytesPerSecond: 500 });
    await bench.run("prepull", 1);
    await eventually(() => assert.equal(waitingReason(bench.pod("prepull")), "ContainerCreating"));
    await bench.remove("prepull");
    assert.notEqual(bench.pod("prepull"), undefined);
    await eventually(() => assert.equal(bench.pod("prepull"), undefined));
    assert.equal(bench.kubelet.images.length, 1);
  });

  it("warns of what has nothing to do with images where it knows no cluster DNS (F76)", async () => {
    await using bench = await startBench({ hasClusterDns: false });
    await bench.run("prepull", 1);
    await eventually(() => {
      const reasons = bench.api.list("events").map((event) => (event as unknown as { reason: string }).reason);
      assert.ok(reasons.includes("MissingClusterDNS"));
    });
  });

  it("keeps a pod running that restarts its container", async () => {
    await using bench = await startBench();
    await bench.run("lab", 1, { restartPolicy: "Always" });
    await eventually(() => assert.equal(bench.pod("lab")?.status?.["phase"], "Running"));
    await bench.remove("lab");
    await eventually(() => assert.equal(bench.pod("lab"), undefined));
  });
});
