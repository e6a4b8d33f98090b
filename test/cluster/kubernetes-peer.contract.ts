import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { eventually } from "../support/eventually.ts";
import { type ApiClient, ApiStatusError, PATCH, type WatchEvent } from "./api-client.ts";

/** A Kubernetes API server, real or simulated, and what the contract needs of it. */
export interface ContractPeer {
  readonly api: ApiClient;
  /** Makes all versions and continue tokens given so far expire, for lists and watches. */
  expireHistory(): Promise<void>;
}

/** What the contract looks at in an object. */
export interface AnObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly labels?: Record<string, string>;
    readonly deletionTimestamp?: string;
  };
  readonly spec?: { readonly unschedulable?: boolean; readonly taints?: readonly { key: string; effect: string }[] };
  readonly status?: { readonly images?: readonly { names: string[] }[]; readonly phase?: string };
}

/** What the contract looks at in a list. */
export interface AList {
  readonly kind: string;
  readonly metadata: {
    readonly resourceVersion: string;
    readonly continue?: string;
    readonly remainingItemCount?: number;
  };
  readonly items: readonly AnObject[];
}

/** Path of the nodes. */
export const NODES = "/api/v1/nodes";
/** A list of images as a kubelet reports it. */
export const IMAGES = [{ names: [`registry.example.org/lab@sha256:${"a".repeat(64)}`], sizeBytes: 5 }];

/** A refusal with this status and reason. */
export function refusal(status: number, reason: string): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof ApiStatusError, String(error));
    assert.deepEqual([error.status, error.reason], [status, reason], error.message);
    return true;
  };
}

/** What the cases are defined for; each works on objects of its own, told apart by a label or a name. */
export interface Subject {
  readonly peer: () => ContractPeer;
}

/** A name that no other case has. */
export function testId(): string {
  return `t${randomBytes(4).toString("hex")}`;
}

/** Makes nodes `TEST-0`, `TEST-1` … with the label `test`. */
export async function createNodes(api: ApiClient, test: string, count: number): Promise<AnObject[]> {
  const created: AnObject[] = [];
  for (let i = 0; i < count; i += 1) {
    const body = { kind: "Node", apiVersion: "v1", metadata: { name: `${test}-${i}`, labels: { test } } };
    created.push(await api.request<AnObject>("POST", NODES, { body }));
  }
  return created;
}

/** The node once its controllers have come to rest: the lifecycle controller writes to each new node. */
export function settledNode(api: ApiClient, name: string, taints: readonly string[]): Promise<AnObject> {
  return eventually(
    async () => {
      const node = await api.request<AnObject>("GET", `${NODES}/${name}`);
      assert.deepEqual(new Set((node.spec?.taints ?? []).map(({ key }) => key)), new Set(taints));
      return node;
    },
    { withinMs: 30_000 },
  );
}

/** The events of a watch until `done` says so or the server ends it; empty where the watch says nothing. */
export async function eventsUntil(
  api: ApiClient,
  query: string,
  done: (events: readonly WatchEvent[]) => boolean,
): Promise<WatchEvent[]> {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(new Error("no such events within 30 s")), 30_000);
  const events: WatchEvent[] = [];
  try {
    for await (const event of api.watch(`${NODES}?watch=true&${query}`, stop.signal)) {
      events.push(event);
      if (done(events)) break;
    }
    return events;
  } finally {
    clearTimeout(timer);
    stop.abort(new Error("the case is over"));
  }
}

/** Type and name of each event. */
export function summary(events: readonly WatchEvent[]): string[] {
  return events.map(({ type, object }) => `${type} ${(object as AnObject).metadata.name}`);
}

/** Says once, as a kubelet does, that the node is ready. */
export function makeReady(api: ApiClient, name: string): Promise<unknown> {
  const now = new Date().toISOString().replace(/\.\d+/, "");
  const ready = {
    type: "Ready",
    status: "True",
    reason: "KubeletReady",
    lastHeartbeatTime: now,
    lastTransitionTime: now,
  };
  const body = { status: { conditions: [ready] } };
  return api.request("PATCH", `${NODES}/${name}/status`, { body, contentType: PATCH.strategic });
}
