import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { DEFAULT_POD_OPTIONS } from "../../src/domain/prepull/pod-options.ts";
import type { PullOrder } from "../../src/domain/prepull/pull.ts";
import { connectKubernetes, type KubernetesConnection } from "../../src/kubernetes/client/connection.ts";
import { createDeploymentOwner } from "../../src/kubernetes/pods/pod-owner.ts";
import { prepullPodName, prepullPodSelector } from "../../src/kubernetes/pods/prepull-pod.ts";
import { createPuller, type PullerOptions } from "../../src/kubernetes/pulls/puller.ts";
import { type Kubelet, type KubeletOptions, startKubelet } from "../../src/simulation/kubelet/kubelet.ts";
import { createRegistryLink } from "../../src/simulation/kubelet/kubelet-pulls.ts";
import { machineTime } from "../../src/simulation/kubernetes/kubernetes-time.ts";
import { digest, silentLogger } from "../kubernetes/node-fixture.ts";
import { INSTANCE, quickDelays, reference } from "../kubernetes/prepull-fixture.ts";
import { type PlainPuller, plainPuller } from "../support/plain-puller.ts";
import { PATCH } from "./api-client.ts";
import { type ControlPlane, startControlPlane } from "./control-plane.ts";

/** Namespace and account of `deploy/`. */
export const DEPLOYED = "lab-images";
/** Where the pods are. */
export const PODS = `/api/v1/namespaces/${DEPLOYED}/pods`;

const DEPLOY = join(import.meta.dirname, "../../deploy");

/** The manifests of `deploy/`, in their order. */
export async function deployManifests(): Promise<readonly string[]> {
  return (await readdir(DEPLOY))
    .filter((name) => name.endsWith(".yaml"))
    .sort()
    .map((name) => join(DEPLOY, name));
}

/** A real control plane with everything of `deploy/` applied, and pullers under the service's own account. */
export interface PrepullerCluster extends AsyncDisposable {
  readonly plane: ControlPlane;
  readonly connection: KubernetesConnection;
  puller(options?: Partial<PullerOptions>): PlainPuller;
  /** A node with a kubelet that runs pods. */
  join(name: string, options?: Partial<KubeletOptions>): Promise<Kubelet>;
  /** A node for which the test speaks. */
  addNode(name: string): Promise<void>;
  order(node: string, number: number, timeoutMs?: number): Promise<PullOrder>;
  /** The pod of an order; rejects with 404 where there is none. */
  pod<T>(order: PullOrder): Promise<T>;
  /** Says what a kubelet says of the pod. */
  say(order: PullOrder, status: unknown): Promise<void>;
  /** How many pods of the prepuller there are; the Deployment has one of its own beside them. */
  podCount(): Promise<number>;
}

/** Starts the control plane and applies the manifests twice, as a roll-out does. */
export async function startPrepullerCluster(): Promise<PrepullerCluster> {
  await using cleanup = new AsyncDisposableStack();
  const plane = await startControlPlane();
  cleanup.defer(plane.stop);
  for (let round = 0; round < 2; round += 1) for (const path of await deployManifests()) await plane.apply(path);
  const kubeconfig = await plane.kubeconfigForServiceAccount(DEPLOYED, DEPLOYED);
  const connection = connectKubernetes({ kubeconfig, clock: machineTime });
  cleanup.defer(() => connection.close());
  const { api } = plane;
  const path = ({ nodeUid, digest: image }: PullOrder) => `${PODS}/${prepullPodName(INSTANCE, nodeUid, image)}`;
  const running = cleanup.move();
  return {
    plane,
    connection,
    puller: (options = {}) => plainPuller(createPuller({ ...pullerDefaults(connection), ...options })),
    async join(name, options = {}) {
      const address = { url: plane.url, token: plane.adminToken, ca: plane.caPem };
      const kubelet = await startKubelet({ ...kubeletDefaults, api: address, name, ...options });
      running.defer(() => kubelet.stop());
      return kubelet;
    },
    async addNode(name) {
      await api.request("POST", "/api/v1/nodes", { body: { apiVersion: "v1", kind: "Node", metadata: { name } } });
    },
    async order(node, number, timeout = 60_000) {
      const { metadata } = await api.request<{ metadata: { uid: string } }>("GET", `/api/v1/nodes/${node}`);
      return {
        node,
        nodeUid: metadata.uid,
        digest: digest(number),
        reference: reference(number),
        timeout,
        podDeadline: timeout,
      };
    },
    pod: (order) => api.request("GET", path(order)),
    async say(order, status) {
      await api.request("PATCH", `${path(order)}/status`, { body: { status }, contentType: PATCH.strategic });
    },
    async podCount() {
      const selector = encodeURIComponent(prepullPodSelector(INSTANCE));
      return (await api.request<{ items: unknown[] }>("GET", `${PODS}?labelSelector=${selector}`)).items.length;
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

function pullerDefaults(connection: KubernetesConnection): PullerOptions {
  return {
    connection,
    namespace: DEPLOYED,
    instance: INSTANCE,
    pullSecret: "registry",
    tolerations: [{ key: "lab", operator: "Exists", effect: "NoSchedule", tolerationSeconds: 60 }],
    pod: { ...DEFAULT_POD_OPTIONS, labels: { team: "science" } },
    owner: createDeploymentOwner({
      connection,
      deployment: { namespace: DEPLOYED, name: DEPLOYED },
      podNamespace: DEPLOYED,
      clock: machineTime,
      logger: silentLogger,
    }),
    leadership: { mayWrite: () => true },
    clock: machineTime,
    random: Math.random,
    logger: silentLogger,
  };
}

const kubeletDefaults = {
  link: createRegistryLink(machineTime, 1e12),
  bandwidthBytesPerSecond: 1e12,
  diskBytes: 1e12,
  delays: quickDelays,
  resolve: (wanted: string) => ({ digest: wanted.split("@")[1] ?? "", sizeBytes: 1_000_000 }),
} satisfies Partial<KubeletOptions>;
