import { pause, type SimulatedTime } from "../kubernetes/kubernetes-time.ts";
import type { KubeletClient } from "./kubelet-client.ts";
import { type ImageStore, splitReference } from "./kubelet-images.ts";
import { type PodPhase, type PodView, postPodStatus, readPod, releasePod } from "./kubelet-pod-status.ts";
import type { RegistryLink } from "./kubelet-pulls.ts";
import type { KubeletDelays, PullableImage } from "./kubelet-settings.ts";

/** What running pods on one node takes. */
export interface PodContext {
  readonly nodeName: string;
  readonly client: KubeletClient;
  readonly store: ImageStore;
  readonly time: SimulatedTime;
  readonly delays: KubeletDelays;
  readonly link: RegistryLink;
  readonly bandwidthBytesPerSecond: number;
  readonly resolve: (reference: string) => PullableImage | null;
}

/** The pods of a node, and its pulls. */
export interface PodRunner {
  /** Settles when everything has ended after the signal. */
  readonly ended: Promise<void>;
  pull(reference: string, image: PullableImage): Promise<void>;
  failPulls(fails: (reference: string) => string | null): void;
}

interface Runner {
  readonly context: PodContext;
  readonly signal: AbortSignal;
  /** Pods that are being worked on, by uid. */
  readonly working: Map<string, AbortController>;
  /** Digests that containers use now, for the garbage collector. */
  readonly inUse: Map<string, number>;
  fails: (reference: string) => string | null;
  /** The pulls of a node run one after the other. */
  pulls: Promise<unknown>;
}

/** Runs the pods that are bound to the node until the signal aborts. */
export function runPods(context: PodContext, signal: AbortSignal): PodRunner {
  const runner: Runner = {
    context,
    signal,
    working: new Map(),
    inUse: new Map(),
    fails: () => null,
    pulls: Promise.resolve(),
  };
  return {
    ended: followPods(runner),
    pull: (reference, image) => pull(runner, reference, image, signal),
    failPulls(fails) {
      runner.fails = fails;
    },
  };
}

/** Watches the node's pods on and on; a watch without a version begins with all that are there. */
async function followPods(runner: Runner): Promise<void> {
  const { client, nodeName } = runner.context;
  const path = `/api/v1/pods?watch=true&timeoutSeconds=600&fieldSelector=spec.nodeName%3D${encodeURIComponent(nodeName)}`;
  while (!runner.signal.aborted) {
    await client.watch(
      path,
      ({ type, object }) => {
        const pod = readPod(object);
        if (type === "ADDED" || type === "MODIFIED") attend(runner, pod);
        if (type === "DELETED") runner.working.get(pod.uid)?.abort(new Error("the pod is gone"));
      },
      runner.signal,
    );
    await pause(runner.context.time, 200, runner.signal).catch(() => undefined);
  }
  for (const work of runner.working.values()) work.abort(runner.signal.reason);
}

/** Takes a pod up that is new, and lets one go that is to be deleted. */
function attend(runner: Runner, pod: PodView): void {
  if (pod.deleting) {
    runner.working.get(pod.uid)?.abort(new Error("the pod is being deleted"));
    releasePod(runner.context.client, pod).catch(() => undefined);
    return;
  }
  if (pod.phase === "Succeeded" || pod.phase === "Failed" || runner.working.has(pod.uid)) return;
  const work = new AbortController();
  runner.working.set(pod.uid, work);
  const { time } = runner.context;
  let overdue = false;
  const cancelDeadline =
    pod.activeDeadlineMs === null
      ? () => undefined
      : time.schedule(pod.activeDeadlineMs, () => {
          overdue = true;
          work.abort(new Error("the pod's deadline has passed"));
        });
  runPod(runner, pod, work.signal)
    .catch(async () => {
      if (overdue) await post(runner, pod, { phase: "Failed", reason: "DeadlineExceeded" });
    })
    .catch(() => undefined)
    .finally(() => {
      cancelDeadline();
      runner.working.delete(pod.uid);
    });
}

function post(runner: Runner, pod: PodView, phase: PodPhase): Promise<void> {
  return postPodStatus(runner.context.client, runner.context.time, pod, phase);
}

/** One pod from its first sight to its end; rejects when its signal aborts. */
async function runPod(runner: Runner, pod: PodView, signal: AbortSignal): Promise<void> {
  const { store, time, delays } = runner.context;
  await post(runner, pod, { phase: "Pending", waiting: "ContainerCreating" });
  const image = await obtainImage(runner, pod, signal);
  const { repository } = splitReference(pod.image);
  const imageId = `${repository}@${image.digest}`;
  store.use(image.digest, time.wallTime());
  runner.inUse.set(image.digest, (runner.inUse.get(image.digest) ?? 0) + 1);
  try {
    await post(runner, pod, { phase: "Running", imageId });
    if (pod.restarts) await untilAborted(signal);
    await pause(time, delays.containerMs, signal);
    await post(runner, pod, { phase: "Succeeded", imageId });
  } finally {
    runner.inUse.set(image.digest, (runner.inUse.get(image.digest) ?? 1) - 1);
  }
}

/** The pod's image on the disk: already, or pulled, again and again with backoff where that fails. */
async function obtainImage(runner: Runner, pod: PodView, signal: AbortSignal): Promise<PullableImage> {
  const { resolve, store, time, delays } = runner.context;
  let backoff = delays.pullBackoffMs;
  for (;;) {
    const image = resolve(pod.image);
    try {
      if (image === null) throw new Error(`${pod.image}: not found`);
      if (!store.has(image.digest)) await pull(runner, pod.image, image, signal);
      return image;
    } catch (error) {
      signal.throwIfAborted();
      const message = error instanceof Error ? error.message : "unknown";
      await post(runner, pod, { phase: "Pending", waiting: "ErrImagePull", message });
      await pause(time, Math.min(1_000, backoff / 2), signal);
      await post(runner, pod, {
        phase: "Pending",
        waiting: "ImagePullBackOff",
        message: `Back-off pulling image "${pod.image}"`,
      });
      await pause(time, backoff, signal);
      backoff = Math.min(backoff * 2, delays.pullBackoffMaxMs);
    }
  }
}

/** Pulls after the pulls before it; then lets the garbage collector look. */
function pull(runner: Runner, reference: string, image: PullableImage, signal: AbortSignal): Promise<void> {
  const { store, link, time, bandwidthBytesPerSecond } = runner.context;
  const turn = runner.pulls.then(async () => {
    signal.throwIfAborted();
    const failure = runner.fails(reference);
    if (failure !== null) throw new Error(failure);
    await link.transfer(image.sizeBytes, bandwidthBytesPerSecond, signal);
    store.add(reference, image.digest, image.sizeBytes, time.wallTime());
    const inUse = [...runner.inUse].filter(([, users]) => users > 0).map(([digest]) => digest);
    store.collect(new Set([...inUse, image.digest]));
  });
  runner.pulls = turn.catch(() => undefined);
  return turn;
}

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
