import type { V1Pod } from "@kubernetes/client-node";
import { PullReleasedError } from "../../domain/prepull/pull.ts";
import { objectOf } from "../../lib/json.ts";
import type { Leadership } from "../../ports.ts";
import { KubernetesAnswerError, unexpectedResponse } from "../client/api-errors.ts";
import type { KubernetesCall, KubernetesConnection } from "../client/connection.ts";
import { resourceVersionOf } from "../nodes/node-object.ts";
import { type PodState, readPodState } from "./pod-object.ts";

/** All our pods at one version. */
export interface PodList {
  readonly resourceVersion: string;
  readonly pods: readonly PodState[];
}

/** A pod to be removed: that one alone, and no other of its name. */
export type PodIdentity = Pick<PodState, "name" | "uid">;

/**
 * The calls on the pods of one prepuller. Errors as of the connection. A write that this replica may no longer do
 * rejects with a PullReleasedError and is not sent.
 */
export interface PodApi {
  create(pod: V1Pod, signal: AbortSignal): Promise<PodState>;
  /** Null where there is no pod of this name. */
  get(name: string, deadlineMs: number, signal: AbortSignal): Promise<PodState | null>;
  /** Removes a pod at once, whatever state it is in; one that has gone, or was replaced by another, is removed already. */
  remove(pod: PodIdentity, deadlineMs: number, signal: AbortSignal): Promise<void>;
  list(signal: AbortSignal): Promise<PodList>;
}

/** Bounds of the calls. */
export interface PodApiLimits {
  /**
   * Milliseconds for one create. No longer than from the renew deadline to the end of the lease: then none is under way
   * when another replica may lead.
   */
  readonly createMs: number;
  /** Milliseconds for one page of a list. */
  readonly listMs: number;
  readonly pageSize: number;
  /** Pages of one list, against a server that never ends. */
  readonly maxPages: number;
}

export const defaultPodApiLimits: PodApiLimits = { createMs: 5_000, listMs: 15_000, pageSize: 200, maxPages: 100 };

/** What the calls need. */
export interface PodApiContext {
  readonly connection: KubernetesConnection;
  readonly namespace: string;
  /** Label selector of our pods. */
  readonly selector: string;
  readonly leadership: Pick<Leadership, "mayWrite">;
  readonly limits: PodApiLimits;
}

type WriteCall = Omit<KubernetesCall, "beforeSend">;

/** The calls, each asked about at the leadership before it is sent. */
export function createPodApi(context: PodApiContext): PodApi {
  const { connection, leadership, limits } = context;
  const pods = podsPath(context.namespace);

  /** Sends a write, and again where the server asks for it, only while this replica may write. */
  async function write(call: WriteCall): Promise<unknown> {
    const permission = new AbortController();
    const signal = AbortSignal.any([call.signal, permission.signal]);
    const beforeSend = () => {
      if (!leadership.mayWrite()) permission.abort(new PullReleasedError());
    };
    call.signal.throwIfAborted();
    beforeSend();
    signal.throwIfAborted();
    return connection.call({ ...call, signal, beforeSend });
  }

  return {
    async create(pod, signal) {
      const what = "create a pod";
      const answer = await write({ what, method: "POST", path: pods, body: pod, deadlineMs: limits.createMs, signal });
      return requirePod(what, answer);
    },
    async get(name, deadlineMs, signal) {
      const what = "read a pod";
      try {
        return requirePod(what, await connection.call({ what, path: `${pods}/${name}`, deadlineMs, signal }));
      } catch (error) {
        if (hasStatus(error, 404)) return null;
        throw error;
      }
    },
    async remove({ name, uid }, deadlineMs, signal) {
      // The uid keeps it from hitting another pod of the name; a grace of 0 from leaving a name behind that is taken.
      const body = { gracePeriodSeconds: 0, preconditions: { uid } };
      try {
        const path = `${pods}/${name}`;
        await write({ what: "delete a pod", method: "DELETE", path, body, deadlineMs, signal });
      } catch (error) {
        if (!hasStatus(error, 404) && !hasStatus(error, 409)) throw error;
      }
    },
    list: (signal) => listPods(context, signal),
  };
}

/** Where a dry run goes, and how long it may take, milliseconds. */
export interface DryRunContext extends Pick<PodApiContext, "connection" | "namespace"> {
  readonly deadlineMs: number;
}

/** A server-side dry run: admission and validation as for a real pod, and nothing is stored. Errors as of a create. */
export async function dryRunPod(
  { connection, namespace, deadlineMs }: DryRunContext,
  pod: V1Pod,
  signal: AbortSignal,
): Promise<void> {
  const what = "create a prepull pod (dry run)";
  const path = podsPath(namespace);
  await connection.call({ what, method: "POST", path, query: { dryRun: "All" }, body: pod, deadlineMs, signal });
}

/** Path of the pods of a namespace. */
export function podsPath(namespace: string): string {
  return `/api/v1/namespaces/${namespace}/pods`;
}

/** Whether the server has answered with this status. */
function hasStatus(error: unknown, status: number): error is KubernetesAnswerError {
  return error instanceof KubernetesAnswerError && error.status === status;
}

/** Our pods are few; a list that expires between two pages (410) is its caller's to begin again. */
async function listPods({ connection, namespace, selector, limits }: PodApiContext, signal: AbortSignal) {
  const what = "list the prepuller's pods";
  const pods: PodState[] = [];
  let resourceVersion = "";
  let continuation = "";
  for (let number = 0; number < limits.maxPages; number += 1) {
    const more: Record<string, string> = continuation === "" ? {} : { continue: continuation };
    const query = { labelSelector: selector, limit: String(limits.pageSize), ...more };
    const body = objectOf(
      await connection.call({ what, path: podsPath(namespace), query, deadlineMs: limits.listMs, signal }),
    );
    const items = body["items"];
    if (number === 0) resourceVersion = resourceVersionOf(body);
    if (body["kind"] !== "PodList" || resourceVersion === "") throw unexpectedResponse(what, "expected a PodList");
    if (Array.isArray(items)) pods.push(...items.map((item) => requirePod(what, item)));
    const next = objectOf(body["metadata"])["continue"];
    if (typeof next !== "string" || next === "") return { resourceVersion, pods };
    continuation = next;
  }
  throw unexpectedResponse(what, `more than ${limits.maxPages} pages`);
}

function requirePod(what: string, value: unknown): PodState {
  const pod = readPodState(value);
  if (pod === null) throw unexpectedResponse(what, "a pod without name or uid");
  return pod;
}
