import { pause } from "../../lib/abort.ts";
import type { JsonObject } from "../kubernetes/kubernetes-objects.ts";
import { machineTime, type SimulatedTime } from "../kubernetes/kubernetes-time.ts";
import {
  createKubeletClient,
  type KubeletApiAddress,
  KubeletApiError,
  type KubeletClient,
  STRATEGIC_PATCH,
} from "./kubelet-client.ts";
import { createImageStore, type ImageStore, type StoredImage } from "./kubelet-images.ts";
import { type PodRunner, runPods } from "./kubelet-pods.ts";
import type { RegistryLink } from "./kubelet-pulls.ts";
import { type KubeletDelays, type PullableImage, realKubeletDelays } from "./kubelet-settings.ts";

/** How a simulated kubelet is started. */
export interface KubeletOptions {
  readonly api: KubeletApiAddress;
  /** Name of the node. */
  readonly name: string;
  /** Beyond `kubernetes.io/arch` (amd64 unless given here), `kubernetes.io/os` and `kubernetes.io/hostname`. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly taints?: readonly { readonly key: string; readonly value?: string; readonly effect: string }[];
  /** Where its pulls come from; shared by the nodes of a cluster. */
  readonly link: RegistryLink;
  readonly bandwidthBytesPerSecond: number;
  readonly diskBytes: number;
  /** What a pod's image is; null where the registry has no such image. */
  readonly resolve: (reference: string) => PullableImage | null;
  /** `nodeStatusMaxImages`: 50 unless given; -1 for all, 0 for none. */
  readonly maxImages?: number;
  /** `imageMaximumGCAge` in ms; 0 (the default) for no limit. */
  readonly imageMaxAgeMs?: number;
  /** Whether the kubelet has `clusterDNS`; true unless given. */
  readonly hasClusterDns?: boolean;
  readonly delays?: KubeletDelays;
  readonly time?: SimulatedTime;
}

/** A node that lives: registered, reporting, running the pods that are bound to it. */
export interface Kubelet {
  readonly name: string;
  readonly images: readonly StoredImage[];
  /** Pulls an image as `crictl pull` would, one at a time; resolves when it is on the disk. The report comes later. */
  pull(reference: string, digest: string, sizeBytes: number): Promise<void>;
  /** Puts an image on the disk as `ctr images import` does: the report has no digest of it. */
  importImage(reference: string, sizeBytes: number): void;
  /** One look of the image collector, without waiting for its time. */
  collectImages(): void;
  /** Takes an image off the disk. */
  removeImage(digest: string): void;
  /** Makes pulls of these references fail with the message that `fails` answers; null pulls. */
  failPulls(fails: (reference: string) => string | null): void;
  /** Sets the condition `Ready`, as a kubelet whose container runtime is down does. */
  setReady(ready: boolean): void;
  /** Reads the images and posts the status now, without waiting for its time. */
  report(): Promise<void>;
  /** Ends the kubelet without a word, as a power cut does: the node object stays. */
  stop(): Promise<void>;
  /** Ends it and deletes the node, as a cluster autoscaler does. */
  leave(): Promise<void>;
}

interface NodeState {
  readonly options: KubeletOptions;
  readonly time: SimulatedTime;
  readonly delays: KubeletDelays;
  readonly client: KubeletClient;
  readonly store: ImageStore;
  /** What the last reading of the images found. */
  reported: readonly JsonObject[];
  ready: boolean;
  lastPost: { readonly text: string; readonly time: number } | null;
}

/** Registers the node and starts its loops; resolves when the node has reported for the first time. */
export async function startKubelet(options: KubeletOptions): Promise<Kubelet> {
  const { time = machineTime, delays = realKubeletDelays } = options;
  const state: NodeState = {
    options,
    time,
    delays,
    client: createKubeletClient(options.api),
    store: createImageStore(
      { diskBytes: options.diskBytes, maxAgeMs: options.imageMaxAgeMs ?? 0, minAgeMs: delays.imageMinAgeMs },
      time.wallTime(),
    ),
    reported: [],
    ready: true,
    lastPost: null,
  };
  const life = new AbortController();
  await register(state);
  await postStatus(state);
  const { hasClusterDns = true } = options;
  const pods = runPods({ ...state, ...options, hasClusterDns, nodeName: options.name }, life.signal);
  const loops = [
    repeat(time, delays.imageReadMs, life.signal, async () => readImages(state)),
    repeat(time, delays.statusMs, life.signal, () => postStatus(state)),
    repeat(time, delays.leaseMs, life.signal, () => renewLease(state)),
    repeat(time, delays.collectMs, life.signal, async () => collect(state, pods)),
  ];
  return handle(state, pods, async () => {
    life.abort(new Error("the kubelet has stopped"));
    await Promise.all([...loops, pods.ended]);
    state.client.close();
  });
}

function handle(state: NodeState, pods: PodRunner, stop: () => Promise<void>): Kubelet {
  const { name } = state.options;
  return {
    name,
    get images() {
      return state.store.images;
    },
    pull: (reference, digest, sizeBytes) => pods.pull(reference, { digest, sizeBytes }),
    importImage: (reference, sizeBytes) => state.store.import(reference, sizeBytes),
    collectImages: () => collect(state, pods),
    removeImage: (digest) => state.store.remove(digest),
    failPulls: (fails) => pods.failPulls(fails),
    setReady(ready) {
      state.ready = ready;
    },
    async report() {
      readImages(state);
      await postStatus(state);
    },
    stop,
    async leave() {
      await state.client.request("DELETE", `/api/v1/nodes/${name}`);
      await stop();
    },
  };
}

function collect({ store, time }: NodeState, pods: PodRunner): void {
  store.collect(pods.inUse(), time.wallTime());
}

/** Runs `work` now and then, one at a time, until the signal aborts. What fails is tried again at the next turn. */
async function repeat(
  time: SimulatedTime,
  intervalMs: number,
  signal: AbortSignal,
  work: () => Promise<void>,
): Promise<void> {
  while (!signal.aborted) {
    await pause(time, intervalMs, signal).catch(() => undefined);
    if (!signal.aborted) await work().catch(() => undefined);
  }
}

/** Creates the node object; one of that name that is there already is taken over, as kubelets do after a restart. */
async function register({ client, options, reported }: NodeState): Promise<void> {
  const { name, labels = {}, taints = [] } = options;
  const allLabels = {
    "kubernetes.io/arch": "amd64",
    "kubernetes.io/os": "linux",
    "kubernetes.io/hostname": name,
    ...labels,
  };
  const node = {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name, labels: allLabels },
    spec: { taints: taints.map((taint) => ({ ...taint })) },
    status: { images: reported },
  };
  try {
    await client.request("POST", "/api/v1/nodes", node);
  } catch (error) {
    if (!(error instanceof KubeletApiError) || error.status !== 409) throw error;
  }
}

function readImages(state: NodeState): void {
  state.reported = state.store.report(state.options.maxImages ?? 50);
}

/** Posts the status where it has changed, or where the last post is too long ago. */
async function postStatus(state: NodeState): Promise<void> {
  const { client, time, delays, options, ready, reported } = state;
  const text = JSON.stringify([ready, reported]);
  const now = time.monotonicTime();
  if (state.lastPost?.text === text && now - state.lastPost.time < delays.heartbeatMs) return;
  const heartbeat = new Date(time.wallTime()).toISOString().replace(/\.\d+/, "");
  const condition = {
    type: "Ready",
    status: ready ? "True" : "False",
    reason: ready ? "KubeletReady" : "KubeletNotReady",
    lastHeartbeatTime: heartbeat,
    lastTransitionTime: heartbeat,
  };
  const status = { conditions: [condition], images: reported };
  await client.request("PATCH", `/api/v1/nodes/${options.name}/status`, { status }, STRATEGIC_PATCH);
  state.lastPost = { text, time: now };
}

const LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";

/** Renews the node's lease, the sign of life between two posts of the status. */
async function renewLease({ client, time, options }: NodeState): Promise<void> {
  const { name } = options;
  // MicroTime has six digits after the second.
  const renewTime = new Date(time.wallTime()).toISOString().replace("Z", "000Z");
  const spec = { holderIdentity: name, leaseDurationSeconds: 40, renewTime };
  const lease = {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { name, namespace: "kube-node-lease" },
    spec,
  };
  try {
    await client.request("PATCH", `${LEASES}/${name}`, { spec }, "application/merge-patch+json");
  } catch (error) {
    if (!(error instanceof KubeletApiError) || error.status !== 404) throw error;
    await client.request("POST", LEASES, lease);
  }
}
