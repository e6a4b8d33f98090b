import { isJsonObject, type JsonObject } from "../kubernetes/kubernetes-objects.ts";
import type { SimulatedTime } from "../kubernetes/kubernetes-time.ts";
import { type KubeletClient, STRATEGIC_PATCH } from "./kubelet-client.ts";

/** What a simulated kubelet looks at in a pod. It runs the first container only. */
export interface PodView {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly deleting: boolean;
  readonly phase: string;
  readonly container: string;
  /** Reference of the image, as the pod has it. */
  readonly image: string;
  /** Whether its container is restarted when it ends, so that the pod runs until it is deleted. */
  readonly restarts: boolean;
  readonly activeDeadlineMs: number | null;
}

/** Where a pod has got to. */
export interface PodPhase {
  readonly phase: "Pending" | "Running" | "Succeeded" | "Failed";
  /** Reason of the waiting container, where it waits. */
  readonly waiting?: string;
  readonly message?: string;
  /** Reason of the pod itself, such as `DeadlineExceeded`. */
  readonly reason?: string;
  /** `repository@digest` once the container was created. */
  readonly imageId?: string;
  /** Why the container that was created could not be started; the phase stays Pending then. */
  readonly startError?: string;
}

/** Reads a pod. */
export function readPod(pod: JsonObject): PodView {
  const metadata = objectAt(pod, "metadata");
  const spec = objectAt(pod, "spec");
  const containers = spec["containers"];
  const container = Array.isArray(containers) && isJsonObject(containers[0]) ? containers[0] : {};
  const deadline = spec["activeDeadlineSeconds"];
  return {
    namespace: String(metadata["namespace"] ?? ""),
    name: String(metadata["name"] ?? ""),
    uid: String(metadata["uid"] ?? ""),
    deleting: metadata["deletionTimestamp"] !== undefined,
    phase: String(objectAt(pod, "status")["phase"] ?? ""),
    container: String(container["name"] ?? ""),
    image: String(container["image"] ?? ""),
    restarts: spec["restartPolicy"] === "Always",
    activeDeadlineMs: typeof deadline === "number" ? deadline * 1_000 : null,
  };
}

/** Posts the pod's status through its subresource, as a kubelet does. */
export async function postPodStatus(
  client: KubeletClient,
  time: SimulatedTime,
  pod: PodView,
  phase: PodPhase,
): Promise<void> {
  const now = new Date(time.wallTime()).toISOString().replace(/\.\d+/, "");
  const status: JsonObject = {
    phase: phase.phase,
    startTime: now,
    ...(phase.reason === undefined ? {} : { reason: phase.reason }),
    ...(phase.phase === "Failed" ? {} : { containerStatuses: [containerStatus(pod, phase, now)] }),
  };
  const body = { metadata: { uid: pod.uid }, status };
  await client.request("PATCH", `${pathOf(pod)}/status`, body, STRATEGIC_PATCH);
}

function containerStatus(pod: PodView, phase: PodPhase, now: string): JsonObject {
  return {
    name: pod.container,
    // Of a container that was created: the digest of the image's configuration, not the reference.
    image: phase.imageId === undefined ? pod.image : configDigest(phase.imageId),
    imageID: phase.imageId ?? "",
    ready: phase.phase === "Running",
    restartCount: 0,
    state: containerState(phase, now),
  };
}

/** A digest unlike the manifest's, the same for the same image. */
function configDigest(imageId: string): string {
  const [, hex = ""] = imageId.split("sha256:");
  return `sha256:${[...hex].reverse().join("")}`;
}

/** One of three; the others are named as null, so that a patch takes them away. */
function containerState(phase: PodPhase, now: string): JsonObject {
  const state = { waiting: null, running: null, terminated: null };
  if (phase.waiting !== undefined) {
    const message = phase.message === undefined ? {} : { message: phase.message };
    return { ...state, waiting: { reason: phase.waiting, ...message } };
  }
  if (phase.startError !== undefined) {
    const ended = { exitCode: 128, reason: "StartError", message: phase.startError };
    return { ...state, terminated: { ...ended, startedAt: "1970-01-01T00:00:00Z", finishedAt: now } };
  }
  if (phase.phase === "Running") return { ...state, running: { startedAt: now } };
  return { ...state, terminated: { exitCode: 0, reason: "Completed", startedAt: now, finishedAt: now } };
}

/** Deletes a pod for good whose containers have ended, as a kubelet does with one that is marked as deleted. */
export async function releasePod(client: KubeletClient, pod: PodView): Promise<void> {
  await client.request("DELETE", pathOf(pod), { gracePeriodSeconds: 0, preconditions: { uid: pod.uid } });
}

function pathOf({ namespace, name }: PodView): string {
  return `/api/v1/namespaces/${namespace}/pods/${name}`;
}

function objectAt(object: JsonObject, key: string): JsonObject {
  const value = object[key];
  return isJsonObject(value) ? value : {};
}
