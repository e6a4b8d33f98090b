import assert from "node:assert/strict";
import { DEFAULT_POD_OPTIONS } from "../../src/domain/prepull/pod-options.ts";
import {
  type PullFailure,
  type PullOrder,
  type PullOutcome,
  PullReleasedError,
} from "../../src/domain/prepull/pull.ts";
import { connectKubernetes, type KubernetesConnection } from "../../src/kubernetes/client/connection.ts";
import { noOwner } from "../../src/kubernetes/pods/pod-owner.ts";
import { prepullPodName } from "../../src/kubernetes/pods/prepull-pod.ts";
import { createPuller, type PullerLimits, type PullerOptions } from "../../src/kubernetes/pulls/puller.ts";
import { type Kubelet, type KubeletOptions, startKubelet } from "../../src/simulation/kubelet/kubelet.ts";
import { createRegistryLink } from "../../src/simulation/kubelet/kubelet-pulls.ts";
import { demoKubeletDelays } from "../../src/simulation/kubelet/kubelet-settings.ts";
import {
  type SimulatedKubernetes,
  type SimulatedKubernetesOptions,
  startKubernetesApi,
} from "../../src/simulation/kubernetes/kubernetes-api.ts";
import type { ApiObject, JsonObject } from "../../src/simulation/kubernetes/kubernetes-objects.ts";
import { machineTime } from "../../src/simulation/kubernetes/kubernetes-time.ts";
import { eventually } from "../support/eventually.ts";
import { type FaultProxy, startFaultProxy } from "../support/fault-proxy.ts";
import { type PlainPuller, plainPuller } from "../support/plain-puller.ts";
import { digest, silentLogger, temporaryFile } from "./node-fixture.ts";

export const NAMESPACE = "lab";
export const INSTANCE = "lab-images-prepuller";
const REPOSITORY = "registry.example.org/lab/sciplat-lab";

/** Delays of kubelets that tests wait for. */
export const quickDelays = {
  ...demoKubeletDelays,
  imageReadMs: 10,
  statusMs: 10,
  leaseMs: 1_000,
  pullBackoffMs: 20,
  pullBackoffMaxMs: 40,
  containerMs: 1,
};

/** Bounds short enough to wait for, in the proportions of the real ones. */
export const quickLimits: PullerLimits = {
  api: { createMs: 500, listMs: 500 },
  watch: { openMs: 500, silenceMs: 400 },
  backoff: { initialMs: 10, maxMs: 80 },
  pull: { readMs: 500, retryMs: 20, goingMs: 300, doubtMs: 100, lastLookMs: 200, removeMs: 400, overdueSlackMs: 1_000 },
};

/** The reference of the image of this number, by tag and digest. */
export function reference(number: number): string {
  return `${REPOSITORY}:w_${number}@${digest(number)}`;
}

/** A simulated cluster behind a fault proxy, and pullers that are connected through the proxy. */
export interface PrepullBench extends AsyncDisposable {
  readonly api: SimulatedKubernetes;
  readonly proxy: FaultProxy;
  readonly connection: KubernetesConnection;
  /** Another puller with other options. */
  puller(options?: Partial<PullerOptions>): PlainPuller;
  /** A node with a kubelet that runs pods. */
  join(name: string, options?: Partial<KubeletOptions>): Promise<Kubelet>;
  /** The order to pull the image of this number to a node; one without an object has its name as its uid. */
  order(node: string, number: number, timeoutMs?: number): PullOrder;
  pods(): readonly ApiObject[];
  /** The pod of an order, once it is there. */
  pod(order: PullOrder): Promise<ApiObject>;
  /** Says what a kubelet says of the pod. */
  say(order: PullOrder, status: JsonObject): Promise<void>;
  /** Requests so far of this method on pods; those of kubelets, which delete what has ended, are not among them. */
  count(method: string): number;
}

/** Starts the cluster; nodes that nobody joins have no kubelet, and the test speaks for it. */
export async function startPrepullBench(options: SimulatedKubernetesOptions = {}): Promise<PrepullBench> {
  const api = await startKubernetesApi(options);
  api.put("namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } });
  const proxy = await startFaultProxy({ host: "127.0.0.1", port: api.port });
  const file = await temporaryFile("kubeconfig", api.kubeconfig.replace(api.url, `http://127.0.0.1:${proxy.port}`));
  const connection = connectKubernetes({ kubeconfig: file.path, clock: machineTime });
  const kubelets: Kubelet[] = [];
  const find = (order: PullOrder) =>
    api.list("pods").find(({ metadata }) => metadata.name === prepullPodName(INSTANCE, order.nodeUid, order.digest));

  async function pod(order: PullOrder): Promise<ApiObject> {
    return eventually(() => {
      const found = find(order);
      assert.ok(found !== undefined, "the pod is not there");
      return found;
    });
  }

  return {
    api,
    proxy,
    connection,
    puller: (more = {}) => plainPuller(createPuller({ ...pullerDefaults(connection), ...more })),
    async join(name, more = {}) {
      const kubelet = await startKubelet({ ...kubeletDefaults, api: { url: api.url }, name, ...more });
      kubelets.push(kubelet);
      return kubelet;
    },
    order: (node, number, timeout = 10_000) => ({
      node,
      nodeUid: api.list("nodes").find(({ metadata }) => metadata.name === node)?.metadata.uid ?? node,
      digest: digest(number),
      reference: reference(number),
      timeout,
      podDeadline: timeout,
    }),
    pods: () => api.list("pods"),
    pod,
    async say(order, status) {
      api.put("pods", { ...(await pod(order)), status });
    },
    count: (method) =>
      api.requests.filter(
        ({ host, method: used, target }) =>
          host === `127.0.0.1:${proxy.port}` && used === method && target.includes(`/namespaces/${NAMESPACE}/pods`),
      ).length,
    async [Symbol.asyncDispose]() {
      await Promise.all(kubelets.map((kubelet) => kubelet.stop()));
      await connection.close();
      await proxy.close();
      await api.close();
      await file[Symbol.asyncDispose]();
    },
  };
}

function pullerDefaults(connection: KubernetesConnection): PullerOptions {
  return {
    connection,
    namespace: NAMESPACE,
    instance: INSTANCE,
    pullSecret: null,
    tolerations: [],
    pod: DEFAULT_POD_OPTIONS,
    owner: noOwner,
    leadership: { mayWrite: () => true },
    clock: machineTime,
    random: () => 0.5,
    logger: silentLogger,
    limits: quickLimits,
  };
}

const kubeletDefaults = {
  link: createRegistryLink(machineTime, 1e12),
  bandwidthBytesPerSecond: 1e12,
  diskBytes: 1e12,
  delays: quickDelays,
  resolve: (wanted: string) => ({ digest: wanted.split("@")[1] ?? "", sizeBytes: 1_000_000 }),
} satisfies Partial<KubeletOptions>;

/** Starts pulls and leaves them, as a process that is killed does. */
export async function abandon(bench: PrepullBench, orders: readonly PullOrder[]): Promise<void> {
  const life = new AbortController();
  const puller = bench.puller();
  const pulls = orders.map((order) => puller.pull(order, life.signal));
  await Promise.all(orders.map((order) => bench.pod(order)));
  life.abort(new PullReleasedError());
  await Promise.allSettled(pulls);
}

/** A signal that nobody aborts. */
export const unending = new AbortController().signal;

/** The status of a pod whose container waits. */
export function waiting(reason: string, message = "", imageID = ""): JsonObject {
  const state = { waiting: { reason, ...(message === "" ? {} : { message }) } };
  return { phase: "Pending", containerStatuses: [{ name: "prepull", imageID, state }] };
}

/** The status of a pod whose container has ended. */
export function ended(exitCode: number, reason: string, imageID: string): JsonObject {
  const containerStatuses = [{ name: "prepull", imageID, state: { terminated: { exitCode, reason } } }];
  return { phase: exitCode === 0 ? "Succeeded" : "Failed", containerStatuses };
}

/** The failure of an outcome. */
export function failureOf(outcome: PullOutcome): PullFailure {
  assert.ok(outcome.kind === "failed", "the pull has not failed");
  const { failureClass, reason, message } = outcome;
  return { failureClass, reason, message };
}

/** Puts an event of the pod there, as a kubelet posts it. */
export async function postEvent(
  bench: PrepullBench,
  order: PullOrder,
  event: { readonly name: string; readonly reason: string; readonly message: string; readonly type?: string },
): Promise<void> {
  const { uid } = (await bench.pod(order)).metadata;
  const { name, type = "Warning", ...said } = event;
  bench.api.put("events", {
    apiVersion: "v1",
    kind: "Event",
    metadata: { name, namespace: NAMESPACE },
    involvedObject: { kind: "Pod", uid: uid ?? "" },
    lastTimestamp: new Date().toISOString(),
    type,
    ...said,
  });
}
