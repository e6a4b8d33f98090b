/** Any JSON value. */
export type Json = string | number | boolean | null | readonly Json[] | JsonObject;

/** A JSON object. */
export interface JsonObject {
  readonly [key: string]: Json | undefined;
}

/** `metadata` of an object (meta/v1 ObjectMeta), as far as the simulation knows it; the rest is kept as it came. */
export interface ObjectMeta extends JsonObject {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generateName?: string;
  readonly creationTimestamp?: string | null;
  readonly deletionTimestamp?: string;
  readonly deletionGracePeriodSeconds?: number;
  readonly generation?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** One Kubernetes object. Immutable: a write makes another one, so lists and watches may share what they hold. */
export interface ApiObject extends JsonObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec?: JsonObject;
  readonly status?: JsonObject;
}

/** One kind of object that the simulated server serves. */
export interface ResourceType {
  /** API group, empty for the core group. */
  readonly group: string;
  readonly version: string;
  /** The name in paths, such as `nodes`. */
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
  /** Whether `status` is written through a subresource of its own, and through that alone. */
  readonly hasStatus: boolean;
}

/** What the simulated server serves: as much of the API as the service, the kubelets and their tests call. */
export const resourceTypes: readonly ResourceType[] = [
  { group: "", version: "v1", plural: "nodes", kind: "Node", namespaced: false, hasStatus: true },
  { group: "", version: "v1", plural: "namespaces", kind: "Namespace", namespaced: false, hasStatus: true },
  { group: "", version: "v1", plural: "pods", kind: "Pod", namespaced: true, hasStatus: true },
  { group: "", version: "v1", plural: "events", kind: "Event", namespaced: true, hasStatus: false },
  {
    group: "coordination.k8s.io",
    version: "v1",
    plural: "leases",
    kind: "Lease",
    namespaced: true,
    hasStatus: false,
  },
];

/** `group/version` as it stands in objects: the core group has no name. */
export function apiVersionOf(type: ResourceType): string {
  return type.group === "" ? type.version : `${type.group}/${type.version}`;
}

/** Narrows any value to a JSON object. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
