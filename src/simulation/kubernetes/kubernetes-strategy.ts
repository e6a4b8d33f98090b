import { randomBytes } from "node:crypto";
import {
  type ApiObject,
  apiVersionOf,
  isJsonObject,
  type Json,
  type JsonObject,
  type ResourceType,
} from "./kubernetes-objects.ts";
import { badRequest, invalid } from "./kubernetes-status.ts";

/** What a request's path says of the object that it is about. */
export interface ObjectAddress {
  readonly type: ResourceType;
  /** Empty for objects of the cluster. */
  readonly namespace: string;
  /** Empty where the path names none, as in lists and creates. */
  readonly name: string;
}

const NOT_READY_TAINT = { key: "node.kubernetes.io/not-ready", effect: "NoSchedule" } as const;
const NAME = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;

/** The body of a create or update as an object of the resource; 400 or 422 where it is none. */
export function readObject(address: ObjectAddress, body: unknown): ApiObject {
  const { type, namespace } = address;
  if (!isJsonObject(body)) throw badRequest(`the object provided is unrecognized: expected a ${type.kind}`);
  const { apiVersion = apiVersionOf(type), kind = type.kind, metadata } = body;
  if (kind !== type.kind || apiVersion !== apiVersionOf(type)) {
    throw badRequest(`${String(kind)} in version "${String(apiVersion)}" cannot be handled as a ${type.kind}`);
  }
  const meta = isJsonObject(metadata) ? metadata : {};
  const name = nameOf(address, meta);
  if (namespace !== "" && meta["namespace"] !== undefined && meta["namespace"] !== namespace) {
    throw badRequest("the namespace of the provided object does not match the namespace sent on the request");
  }
  const metaOfObject = { ...meta, name, ...(type.namespaced ? { namespace } : {}) };
  return { ...body, apiVersion: apiVersionOf(type), kind: type.kind, metadata: metaOfObject };
}

function nameOf({ type, name: named }: ObjectAddress, meta: JsonObject): string {
  const prefix = meta["generateName"];
  const generated = typeof prefix === "string" ? prefix + randomBytes(3).toString("hex").slice(0, 5) : "";
  const name = meta["name"] === undefined ? generated : String(meta["name"]);
  if (named !== "" && name !== "" && name !== named) {
    throw badRequest(`the name of the object (${name}) does not match the name on the URL (${named})`);
  }
  const effective = name === "" ? named : name;
  if (!NAME.test(effective))
    throw invalid(type.plural, effective, "metadata.name: Invalid value: a DNS name is needed");
  return effective;
}

/**
 * What the server makes of a new object. A node is tainted as not ready by the admission plugin TaintNodesByCondition,
 * until its kubelet says otherwise; a pod is born pending, whatever the request says of its status.
 */
export function prepareCreate(type: ResourceType, object: ApiObject): ApiObject {
  const { uid: _uid, resourceVersion: _version, ...metadata } = object.metadata;
  const clean: ApiObject = { ...object, metadata };
  if (type.plural === "nodes") return withTaint(clean);
  if (type.plural === "pods")
    return { ...clean, spec: podSpec(clean), status: { phase: "Pending", qosClass: "BestEffort" } };
  return clean;
}

function podSpec(pod: ApiObject): JsonObject {
  return { restartPolicy: "Always", terminationGracePeriodSeconds: 30, ...pod.spec };
}

function withTaint(node: ApiObject): ApiObject {
  const taints = Array.isArray(node.spec?.["taints"]) ? (node.spec["taints"] as Json[]) : [];
  const others = taints.filter((taint) => !(isJsonObject(taint) && taint["key"] === NOT_READY_TAINT.key));
  return { ...node, spec: { ...node.spec, taints: [...others, { ...NOT_READY_TAINT }] } };
}

/** What the server makes of an update: identity stays, and where there is a status subresource, so does the status. */
export function prepareUpdate(type: ResourceType, before: ApiObject, after: ApiObject): ApiObject {
  const { status: _status, ...rest } = after;
  const kept = type.hasStatus ? { ...rest, ...(before.status === undefined ? {} : { status: before.status }) } : after;
  return { ...kept, apiVersion: before.apiVersion, kind: before.kind, metadata: keptMetadata(before, after) };
}

/** What the server makes of an update of the status subresource: all but status (and labels, annotations) stays. */
export function prepareStatusUpdate(before: ApiObject, after: ApiObject): ApiObject {
  return {
    ...before,
    metadata: keptMetadata(before, after),
    ...(after.status === undefined ? {} : { status: after.status }),
  };
}

function keptMetadata(before: ApiObject, after: ApiObject): ApiObject["metadata"] {
  const { name, uid, creationTimestamp, resourceVersion, deletionTimestamp } = before.metadata;
  return {
    ...after.metadata,
    name,
    ...(uid === undefined ? {} : { uid }),
    ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
    ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
  };
}

/**
 * Seconds that a deleted object lives on, for its kubelet to end it: pods that are bound to a node and not finished get
 * what the request or their spec grants (core/v1 pod strategy); everything else goes at once.
 */
export function deletionGraceSeconds(type: ResourceType, object: ApiObject, requested: Json | undefined): number {
  if (type.plural !== "pods" || !object.spec?.["nodeName"]) return 0;
  const phase = object.status?.["phase"];
  if (phase === "Succeeded" || phase === "Failed") return 0;
  if (typeof requested === "number") return Math.max(0, requested);
  return Number(object.spec["terminationGracePeriodSeconds"] ?? 30);
}
