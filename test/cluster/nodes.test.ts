import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, describe, it } from "node:test";
import { KubernetesDeniedError, KubernetesUnavailableError } from "../../src/domain/errors.ts";
import type { NodeSourceLimits } from "../../src/kubernetes/nodes/node-source.ts";
import { type Kubelet, startKubelet } from "../../src/simulation/kubelet/kubelet.ts";
import { createRegistryLink } from "../../src/simulation/kubelet/kubelet-pulls.ts";
import { demoKubeletDelays } from "../../src/simulation/kubelet/kubelet-settings.ts";
import { machineTime } from "../../src/simulation/kubernetes/kubernetes-time.ts";
import { type ConnectedSource, connectSource, digest, type Follower } from "../kubernetes/node-fixture.ts";
import { eventually } from "../support/eventually.ts";
import { type Fault, startFaultProxy } from "../support/fault-proxy.ts";
import { PATCH } from "./api-client.ts";
import { findControlPlaneBinaries } from "./binaries.ts";
import { type ControlPlane, startControlPlane } from "./control-plane.ts";

/** What the service's account may do: nodes, read only. */
const ROLE = `
apiVersion: v1
kind: Namespace
metadata: { name: lab-images }
---
apiVersion: v1
kind: ServiceAccount
metadata: { name: lab-images, namespace: lab-images }
---
apiVersion: v1
kind: ServiceAccount
metadata: { name: nobody, namespace: lab-images }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: { name: lab-images }
rules:
  - { apiGroups: [""], resources: [nodes], verbs: [get, list, watch] }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: lab-images }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: lab-images }
subjects:
  - { kind: ServiceAccount, name: lab-images, namespace: lab-images }
`;

const RIGHT_AGAIN = { withinMs: 60_000 };
const NODES = "/api/v1/nodes";

/** Small pages, so that a few nodes need several; the rest as in production. */
const limits = { list: { pageSize: 3, pageMs: 5_000 } };
/** Deadlines of the watch short enough to wait for. */
const impatient = {
  ...limits,
  watch: { silenceMs: 3_000, openMs: 2_000 },
  backoff: { initialMs: 100, maxMs: 1_000, resetAfterMs: 10_000 },
};

const lookup = await findControlPlaneBinaries();
const skip = lookup.available ? false : `did not run: ${lookup.reason}`;

describe("node source on a real API server, under the service's own role", { skip }, () => {
  let plane: ControlPlane;
  let connected: ConnectedSource;
  let follower: Follower;
  const ends: (() => Promise<unknown>)[] = [];

  async function connectAs(account: string, ownLimits: Partial<NodeSourceLimits> = limits): Promise<ConnectedSource> {
    const path = await plane.kubeconfigForServiceAccount("lab-images", account);
    return connectSource(await readFile(path, "utf8"), { limits: ownLimits, nodeSelector: { pool: "lab" } });
  }

  before(async () => {
    plane = await startControlPlane();
    ends.push(plane.stop);
    await plane.apply(ROLE);
    connected = await connectAs("lab-images");
    ends.push(async () => connected[Symbol.asyncDispose]());
    follower = connected.follow();
    await follower.list();
  });

  after(async () => {
    for (const end of ends.reverse()) await end();
  });

  async function join(name: string, labels: Readonly<Record<string, string>> = { pool: "lab" }): Promise<Kubelet> {
    const kubelet = await startKubelet({
      api: { url: plane.url, token: plane.adminToken, ca: plane.caPem },
      name,
      labels,
      link: createRegistryLink(machineTime, 1e12),
      bandwidthBytesPerSecond: 1e12,
      diskBytes: 1e12,
      resolve: (reference) => ({ digest: reference.split("@")[1] ?? digest(1), sizeBytes: 1_000 }),
      delays: { ...demoKubeletDelays, imageReadMs: 50, statusMs: 50 },
    });
    ends.push(() => kubelet.stop());
    return kubelet;
  }

  function digestsOf(node: string): readonly string[] {
    return follower.nodes.get(node)?.images.flatMap((image) => image.digests) ?? [];
  }

  /** Waits until the follower knows the same nodes, uids, taints and images as the server. */
  async function inStep(who = follower): Promise<void> {
    type Node = {
      metadata: { name: string; uid: string };
      spec: { taints?: unknown[] };
      status: { images?: unknown[] };
    };
    await eventually(async () => {
      const { items } = await plane.api.request<{ items: Node[] }>("GET", `${NODES}?labelSelector=pool%3Dlab`);
      const expected = items.map(({ metadata, spec, status }) =>
        [metadata.name, metadata.uid, spec.taints?.length ?? 0, status.images?.length ?? 0].join(" "),
      );
      const actual = [...who.nodes.values()].map((node) =>
        [node.name, node.uid, node.taints.length, node.images.length].join(" "),
      );
      assert.deepEqual(new Set(actual), new Set(expected));
      assert.equal(who.health.at(-1), null);
    }, RIGHT_AGAIN);
  }

  it("follows joins, taints, images, labels and departures", async () => {
    const kubelet = await join("follow-a");
    await join("follow-other", { pool: "other" });
    await kubelet.pull(`registry.example.org/lab:w_1@${digest(1)}`, digest(1), 1_000);
    await eventually(() => assert.deepEqual(digestsOf("follow-a"), [digest(1)]), RIGHT_AGAIN);
    await plane.api.request("PATCH", `${NODES}/follow-a`, {
      body: { spec: { unschedulable: true } },
      contentType: PATCH.merge,
    });
    await eventually(() => {
      const keys = follower.nodes.get("follow-a")?.taints.map(({ key }) => key);
      assert.deepEqual(keys, ["node.kubernetes.io/unschedulable"]);
    }, RIGHT_AGAIN);
    await plane.api.request("PATCH", `${NODES}/follow-a`, {
      body: { metadata: { labels: { pool: "other" } } },
      contentType: PATCH.merge,
    });
    await eventually(() => assert.equal(follower.nodes.has("follow-a"), false), RIGHT_AGAIN);
    await kubelet.leave();
    await inStep();
  });

  it("pages through a list, and recognizes a node that was created again by its uid", async () => {
    for (let i = 0; i < 7; i += 1) await join(`page-${i}`);
    await follower.list();
    await inStep();
    const before = follower.nodes.get("page-0");
    await plane.api.request("DELETE", `${NODES}/page-0`);
    await join("page-0");
    await inStep();
    assert.notEqual(follower.nodes.get("page-0")?.uid, before?.uid);
  });

  it("measures how long a join and an image take to show", async (context) => {
    const joins: number[] = [];
    const images: number[] = [];
    for (let i = 0; i < 40; i += 1) {
      const name = `measured-${i}`;
      const body = { kind: "Node", apiVersion: "v1", metadata: { name, labels: { pool: "lab" } } };
      const joined = performance.now();
      await plane.api.request("POST", NODES, { body });
      await eventually(() => assert.ok(follower.nodes.has(name)), RIGHT_AGAIN);
      joins.push(performance.now() - joined);
      const status = { images: [{ names: [`registry.example.org/lab@${digest(i)}`], sizeBytes: 7 }] };
      const posted = performance.now();
      await plane.api.request("PATCH", `${NODES}/${name}/status`, { body: { status }, contentType: PATCH.strategic });
      await eventually(() => assert.deepEqual(digestsOf(name), [digest(i)]), RIGHT_AGAIN);
      images.push(performance.now() - posted);
    }
    context.diagnostic(`a node's join shows after ${figures(joins)}, an image's arrival after ${figures(images)}`);
  });

  it("goes on after the API server was killed and started again", async () => {
    const kubelet = await join("restart-a");
    await inStep();
    await plane.stopApiServer("SIGKILL");
    await eventually(() => assert.notEqual(follower.health.at(-1), null), RIGHT_AGAIN);
    await assert.rejects(follower.list(), KubernetesUnavailableError);
    await plane.startApiServer();
    await kubelet.pull(`registry.example.org/lab:w_2@${digest(2)}`, digest(2), 1_000);
    await eventually(() => assert.deepEqual(digestsOf("restart-a"), [digest(2)]), RIGHT_AGAIN);
    await inStep();
  });

  it("notices an API server that is frozen, and goes on when it thaws", async () => {
    await join("frozen-a");
    await using watcher = await connectAs("lab-images", impatient);
    const watched = watcher.follow();
    await watched.list();
    await inStep(watched);
    plane.pauseApiServer();
    try {
      await eventually(
        () => assert.match(String(watched.health.at(-1)), /cannot watch nodes: the Kubernetes API timed out/),
        RIGHT_AGAIN,
      );
      await assert.rejects(watched.list(), /the Kubernetes API timed out after 5 s/);
    } finally {
      plane.resumeApiServer();
    }
    await join("frozen-b");
    await inStep(watched);
    await inStep();
  });

  it("is right again after each fault of the network", async () => {
    await join("faults-a");
    const proxy = await startFaultProxy({ host: "127.0.0.1", port: Number(new URL(plane.url).port) });
    ends.push(() => proxy.close());
    const path = await plane.kubeconfigForServiceAccount("lab-images", "lab-images");
    const kubeconfig = (await readFile(path, "utf8")).replace(plane.url, `https://127.0.0.1:${proxy.port}`);
    await using watcher = await connectSource(kubeconfig, { limits: impatient, nodeSelector: { pool: "lab" } });
    const watched = watcher.follow();
    await watched.list();
    const faults: readonly Fault[] = [
      { kind: "latency", milliseconds: 200 },
      { kind: "refuse" },
      { kind: "half-open" },
      { kind: "truncate", afterBytes: 500 },
      { kind: "reset", afterBytes: 500 },
    ];
    for (const fault of faults) {
      proxy.setFault({ ...fault, applyToOpen: true });
      await join(`faults-${fault.kind}`);
      await watched.list().catch(() => undefined);
      await plane.api.request("DELETE", `${NODES}/faults-${fault.kind}`);
      proxy.setFault(null);
      await inStep(watched);
    }
  });

  it("starts over when versions have expired while the server was down", async () => {
    await join("expired-a");
    await inStep();
    const relists = follower.relists;
    await plane.stopApiServer("SIGKILL");
    await plane.startApiServer();
    await plane.expireHistory();
    await plane.restartApiServer("SIGKILL");
    await join("expired-b");
    await inStep();
    assert.ok(follower.relists > relists);
  });

  it("runs a pod that is bound to a simulated node to its end", async () => {
    const kubelet = await join("pods-a");
    const reference = `registry.example.org/lab:w_3@${digest(3)}`;
    const pods = "/api/v1/namespaces/default/pods";
    const spec = { nodeName: "pods-a", restartPolicy: "Never", containers: [{ name: "main", image: reference }] };
    await plane.api.request("POST", pods, {
      body: { kind: "Pod", apiVersion: "v1", metadata: { name: "prepull" }, spec },
    });
    await eventually(async () => {
      type Pod = { status: { phase: string; containerStatuses?: { imageID: string; state: object }[] } };
      const { status } = await plane.api.request<Pod>("GET", `${pods}/prepull`);
      assert.equal(status.phase, "Succeeded");
      assert.equal(status.containerStatuses?.[0]?.imageID, `registry.example.org/lab@${digest(3)}`);
      assert.deepEqual(Object.keys(status.containerStatuses[0].state), ["terminated"]);
    }, RIGHT_AGAIN);
    assert.deepEqual(
      kubelet.images.map((image) => image.digest),
      [digest(3)],
    );
    await inStep();
  });

  it("is refused what its role does not grant, as KubernetesDeniedError", async () => {
    await using nobody = await connectAs("nobody");
    await assert.rejects(nobody.follow().list(), (error) => {
      assert.ok(error instanceof KubernetesDeniedError);
      assert.equal(error.message, "the Kubernetes API does not allow our account to list nodes (403 Forbidden)");
      return true;
    });
    const call = { path: "/api/v1/pods", what: "list pods", deadlineMs: 5_000, signal: connected.signal };
    await assert.rejects(connected.connection.call(call), KubernetesDeniedError);
    const remove = { path: `${NODES}/page-1`, what: "delete a node", method: "DELETE", deadlineMs: 5_000 } as const;
    await assert.rejects(connected.connection.call({ ...remove, signal: connected.signal }), KubernetesDeniedError);
  });
});

/** Median and 99th percentile of milliseconds. */
function figures(values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) =>
    (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(0);
  return `${at(0.5)} ms (median) and ${at(0.99)} ms (99th percentile)`;
}
