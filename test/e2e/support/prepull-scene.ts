import assert from "node:assert/strict";
import type { Clock } from "../../../src/ports.ts";
import type { ApiObject } from "../../../src/simulation/kubernetes/kubernetes-objects.ts";
import { eventually } from "../../support/eventually.ts";
import type { PrepullProgress } from "../../support/grpc-messages.ts";
import { NAMESPACE } from "./kubelets.ts";
import { type PeerOptions, type Peers, startPeers } from "./peers.ts";
import type { Service } from "./service.ts";

/** The configuration of the built-in prepuller on these peers; without leader election unless told. */
export function builtIn(prepuller: Readonly<Record<string, unknown>> = {}) {
  return { enabled: true, namespace: NAMESPACE, leaderElection: { enabled: false }, ...prepuller };
}

/** A registry with these tags, the first of which is recommended, and a cluster with room for the prepuller's pods. */
export async function startPrepullPeers(tags: readonly string[], options: PeerOptions = {}): Promise<Peers> {
  const peers = await startPeers(options);
  for (const tag of tags) peers.push(tag);
  if (tags[0] !== undefined) peers.push("recommended", tags[0]);
  peers.cluster.put("namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } });
  return peers;
}

/** The service between its peers. */
export interface PrepullRun {
  readonly service: Service;
  readonly peers: Peers;
}

/** What is waited for comes at once; the rest is for a machine that is busy. */
const SOON = { withinMs: 10_000 };

/** Waits until the check passes. */
export function soon<T>(check: () => T | Promise<T>): Promise<T> {
  return eventually(check, SOON);
}

/** The work on the image of a tag on a node, with its state without prefix; undefined where none is shown. */
export async function taskOn(
  { service, peers }: PrepullRun,
  node: string,
  tag: string,
): Promise<PrepullProgress | undefined> {
  const { status } = await service.client.call("GetPrepullStatus", {});
  const digest = peers.pullReference(tag).split("@")[1] ?? "";
  const found = status.progress.find((entry) => entry.node === node && entry.reference.endsWith(digest));
  return found && { ...found, prepullState: found.prepullState.replace("PREPULL_STATE_", "") };
}

/** Waits until the work on the image is in this state; answers it. */
export function untilTaskIs(run: PrepullRun, node: string, tag: string, state: string): Promise<PrepullProgress> {
  return soon(async () => {
    const task = await taskOn(run, node, tag);
    assert.ok(task !== undefined, `nothing is shown of ${tag} on ${node}`);
    assert.equal(task.prepullState, state);
    return task;
  });
}

/** The pods that pull, as `node tag`. */
export function podsOf({ cluster }: Peers): readonly string[] {
  return cluster.list("pods").map((pod) => `${nodeOf(pod)} ${imageOf(pod).replace(/@.*$/, "").replace(/^.*:/, "")}`);
}

/** Waits for the pod that pulls the image of a tag to a node that has no kubelet. */
export function podOn({ cluster, pullReference }: Peers, node: string, tag: string): Promise<ApiObject> {
  const digest = pullReference(tag).split("@")[1] ?? "";
  return soon(() => {
    const pod = cluster.list("pods").find((one) => nodeOf(one) === node && imageOf(one).endsWith(digest));
    assert.ok(pod !== undefined, `no pod pulls ${tag} to ${node}`);
    return pod;
  });
}

/** Says of a pod what its kubelet says when a container was created from the image. */
export function provePod({ cluster }: Peers, pod: ApiObject): void {
  const state = { running: {} };
  const containerStatuses = [{ name: "prepull", imageID: imageOf(pod), image: imageOf(pod), state }];
  cluster.put("pods", { ...pod, status: { ...pod.status, phase: "Running", containerStatuses } });
}

/** Says of a pod what its kubelet says when the pull has failed. */
export function failPod({ cluster }: Peers, pod: ApiObject, message: string): void {
  const state = { waiting: { reason: "ErrImagePull", message } };
  const containerStatuses = [{ name: "prepull", imageID: "", image: imageOf(pod), state }];
  cluster.put("pods", { ...pod, status: { ...pod.status, phase: "Pending", containerStatuses } });
}

/** The name of the prepuller's lease where the configuration has none. */
export const LEASE_NAME = "lab-images-prepuller";

/** Another replica takes the lease for so many seconds, as if ours had been silent for too long; it never renews it. */
export function takeLease({ cluster }: Peers, leaseDurationSeconds = 1): void {
  const lease = cluster.list("leases").find(({ metadata }) => metadata.name === LEASE_NAME);
  assert.ok(lease !== undefined);
  const time = new Date().toISOString().replace("Z", "000Z");
  cluster.put("leases", {
    ...lease,
    spec: { ...lease.spec, holderIdentity: "another", leaseDurationSeconds, renewTime: time },
  });
}

/** Pulls that have ended, by outcome, as the metrics page counts them; outcomes that none had are left out. */
export async function pullOutcomes({ http }: Service): Promise<Readonly<Record<string, number>>> {
  const metrics = await (await fetch(`http://${http}/metrics`)).text();
  const lines = metrics.matchAll(/^labimages_pulls_total\{outcome="(\w+)".*\} (\d+)$/gm);
  const counted = [...lines].filter(([, , count]) => Number(count) > 0);
  return Object.fromEntries(counted.map(([, outcome = "", count]) => [outcome, Number(count)]));
}

/** Milliseconds beyond which the impatient do not wait, and what such a wait is divided by. */
const LONG = 20_000;
const HASTE = 40;

/**
 * The clock, but what waits for long waits for a fortieth of that: for what comes from time to time, where what may
 * take so long, such as an answer, is to keep its time.
 */
export function impatientClock(clock: Clock): Clock {
  return {
    ...clock,
    schedule: (milliseconds, callback) =>
      clock.schedule(milliseconds > LONG ? milliseconds / HASTE : milliseconds, callback),
  };
}

function nodeOf({ spec }: ApiObject): string {
  return String(spec?.["nodeName"]);
}

function imageOf({ spec }: ApiObject): string {
  const containers: unknown = spec?.["containers"];
  const [first]: readonly unknown[] = Array.isArray(containers) ? containers : [];
  return typeof first === "object" && first !== null && "image" in first ? String(first.image) : "";
}
