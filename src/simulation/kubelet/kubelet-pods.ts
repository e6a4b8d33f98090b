import { abortable, pause } from "../../lib/abort.ts";
import type { SimulatedTime } from "../kubernetes/kubernetes-time.ts";
import type { KubeletClient } from "./kubelet-client.ts";
import { createEventRecorder, type EventRecorder } from "./kubelet-events.ts";
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
  /** Whether the kubelet knows the cluster's DNS; without it every pod gets a warning that has nothing to do with images. */
  readonly hasClusterDns: boolean;
}

/** The pods of a node, and its pulls. */
export interface PodRunner {
  /** Settles when everything has ended after the signal. */
  readonly ended: Promise<void>;
  /** Digests of containers that exist, ended ones included. */
  inUse(): ReadonlySet<string>;
  pull(reference: string, image: PullableImage): Promise<void>;
  failPulls(fails: (reference: string) => string | null): void;
}

/** One pod that is being worked on. */
interface Work {
  /** Ends it, but for a pull. */
  readonly controller: AbortController;
  /** Aborts when the pod is marked for deletion: what waits ends, and what a pull or a container does goes on. */
  readonly marked: AbortController;
  /** Settles when the pod's own work has ended. */
  readonly ended: Promise<void>;
}

interface Runner {
  readonly context: PodContext;
  readonly events: EventRecorder;
  /** The life of the kubelet and its runtime. */
  readonly signal: AbortSignal;
  /** Pods that are being worked on, by uid. */
  readonly working: Map<string, Work>;
  /** Digests of containers, by the uid of their pod, until the pod has gone. */
  readonly containers: Map<string, string>;
  fails: (reference: string) => string | null;
  /** The pulls of a node run one after the other. */
  pulls: Promise<unknown>;
}

/** Runs the pods that are bound to the node until the signal aborts. */
export function runPods(context: PodContext, signal: AbortSignal): PodRunner {
  const runner: Runner = {
    context,
    events: createEventRecorder(context),
    signal,
    working: new Map(),
    containers: new Map(),
    fails: () => null,
    pulls: Promise.resolve(),
  };
  return {
    ended: followPods(runner),
    inUse: () => new Set(runner.containers.values()),
    pull: (reference, image) => pull(runner, reference, image),
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
        if (type === "DELETED") forget(runner, pod);
      },
      runner.signal,
    );
    await pause(runner.context.time, 200, runner.signal).catch(() => undefined);
  }
  for (const { controller } of runner.working.values()) controller.abort(runner.signal.reason);
}

function forget(runner: Runner, { uid }: PodView): void {
  runner.working.get(uid)?.controller.abort(new Error("the pod is gone"));
  runner.containers.delete(uid);
}

/** Takes a pod up that is new, and lets one go that is to be deleted. */
function attend(runner: Runner, pod: PodView): void {
  if (pod.deleting) {
    const work = runner.working.get(pod.uid);
    work?.marked.abort(new Error("the pod is being deleted"));
    // A pod that waits for its pull goes when the pull has ended and its container as well: the kubelet ends neither before.
    void (work?.ended ?? Promise.resolve()).then(() => releasePod(runner.context.client, pod)).catch(() => undefined);
    return;
  }
  if (pod.phase === "Succeeded" || pod.phase === "Failed" || runner.working.has(pod.uid)) return;
  const [controller, marked] = [new AbortController(), new AbortController()];
  const ended = work(runner, pod, controller, marked.signal).finally(() => runner.working.delete(pod.uid));
  runner.working.set(pod.uid, { controller, marked, ended });
}

/** One pod until it has ended, or its deadline has passed: while a pull runs, nobody looks at the deadline. */
async function work(runner: Runner, pod: PodView, controller: AbortController, marked: AbortSignal): Promise<void> {
  const { time } = runner.context;
  let isOverdue = false;
  const cancelDeadline =
    pod.activeDeadlineMs === null
      ? () => undefined
      : time.schedule(pod.activeDeadlineMs, () => {
          isOverdue = true;
          controller.abort(new Error("the pod's deadline has passed"));
        });
  try {
    await runPod(runner, pod, controller.signal, AbortSignal.any([controller.signal, marked]));
  } catch {
    if (isOverdue) await post(runner, pod, { phase: "Failed", reason: "DeadlineExceeded" }).catch(() => undefined);
  } finally {
    cancelDeadline();
  }
}

function post(runner: Runner, pod: PodView, phase: PodPhase): Promise<void> {
  return postPodStatus(runner.context.client, runner.context.time, pod, phase);
}

/**
 * One pod from its first sight to its end; rejects when its signal aborts, but never in the middle of a pull. What it waits
 * for ends by `waiting`.
 */
async function runPod(runner: Runner, pod: PodView, signal: AbortSignal, waiting: AbortSignal): Promise<void> {
  const { time, delays, hasClusterDns } = runner.context;
  await post(runner, pod, { phase: "Pending", waiting: "ContainerCreating" });
  if (!hasClusterDns) runner.events.record(pod, "MissingClusterDNS", "kubelet does not have ClusterDNS IP configured");
  const image = await obtainImage(runner, pod, signal, waiting);
  const { repository } = splitReference(pod.image);
  const created = { imageId: `${repository}@${image.digest}` };
  runner.containers.set(pod.uid, image.digest);
  if (image.runs === false) {
    await post(runner, pod, { phase: "Pending", startError: noProgram(pod), ...created });
    return;
  }
  await post(runner, pod, { phase: "Running", ...created });
  if (pod.restarts) await untilAborted(waiting);
  await pause(time, delays.containerMs, signal);
  await post(runner, pod, { phase: "Succeeded", ...created });
}

/** What runc says of an image without the program. */
function noProgram({ container }: PodView): string {
  return (
    `failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: ` +
    `unable to start container process: exec: "/bin/true": stat /bin/true: no such file or directory: unknown (${container})`
  );
}

/** The pod's image on the disk: already, or pulled, again and again with backoff where that fails. */
async function obtainImage(
  runner: Runner,
  pod: PodView,
  signal: AbortSignal,
  waiting: AbortSignal,
): Promise<PullableImage> {
  const { resolve, store, time, delays } = runner.context;
  let backoff = delays.pullBackoffMs;
  for (;;) {
    const image = resolve(pod.image);
    try {
      if (image !== null && store.has(image.digest)) return image;
      // Written before the pull waits for its turn: it proves nothing.
      runner.events.record(pod, "Pulling", `Pulling image "${pod.image}"`);
      if (image === null) throw new Error(notFound(pod.image));
      await pull(runner, pod.image, image);
      signal.throwIfAborted();
      runner.events.record(pod, "Pulled", `Successfully pulled image "${pod.image}"`);
      return image;
    } catch (error) {
      waiting.throwIfAborted();
      const message = error instanceof Error ? error.message : "unknown";
      runner.events.record(pod, "Failed", `Failed to pull image "${pod.image}": ${message}`);
      await post(runner, pod, { phase: "Pending", waiting: "ErrImagePull", message });
      await pause(time, Math.min(1_000, backoff / 2), waiting);
      const backedOff = `Back-off pulling image "${pod.image}": ErrImagePull: ${message}`;
      runner.events.record(pod, "BackOff", backedOff);
      await post(runner, pod, { phase: "Pending", waiting: "ImagePullBackOff", message: backedOff });
      await pause(time, backoff, waiting);
      backoff = Math.min(backoff * 2, delays.pullBackoffMaxMs);
    }
  }
}

/** containerd's words for a reference that the registry does not have. */
function notFound(reference: string): string {
  return (
    `rpc error: code = NotFound desc = failed to pull and unpack image "${reference}": ` +
    `failed to resolve reference "${reference}": ${reference}: not found`
  );
}

/** Pulls after the pulls before it. Nothing but the end of the node's runtime ends a pull: its pod may be long gone. */
function pull(runner: Runner, reference: string, image: PullableImage): Promise<void> {
  const { store, link, bandwidthBytesPerSecond } = runner.context;
  const turn = runner.pulls.then(async () => {
    runner.signal.throwIfAborted();
    if (store.has(image.digest)) {
      store.add(reference, image.digest, image.sizeBytes);
      return;
    }
    const failure = runner.fails(reference);
    if (failure !== null) throw new Error(failure);
    await link.transfer(image.sizeBytes, bandwidthBytesPerSecond, runner.signal);
    store.add(reference, image.digest, image.sizeBytes);
  });
  runner.pulls = turn.catch(() => undefined);
  return turn;
}

function untilAborted(signal: AbortSignal): Promise<never> {
  return abortable<never>(signal, () => () => undefined);
}
