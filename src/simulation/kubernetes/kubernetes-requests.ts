import { isDeepStrictEqual } from "node:util";
import { keyOf } from "./kubernetes-list.ts";
import {
  type ApiObject,
  isJsonObject,
  type JsonObject,
  type ResourceType,
  resourceTypes,
} from "./kubernetes-objects.ts";
import { applyPatch } from "./kubernetes-patch.ts";
import { alreadyExists, badRequest, conflict, notFound } from "./kubernetes-status.ts";
import type { KubernetesStore } from "./kubernetes-store.ts";
import {
  deletionGraceSeconds,
  type ObjectAddress,
  prepareCreate,
  prepareStatusUpdate,
  prepareUpdate,
  readObject,
} from "./kubernetes-strategy.ts";

/** What a path names. */
export interface ApiPath {
  readonly address: ObjectAddress;
  /** `status`, or empty. */
  readonly subresource: string;
}

/** Reads `/api/v1/…` and `/apis/GROUP/VERSION/…`; null where the path names nothing that is served. */
export function readPath(pathname: string): ApiPath | null {
  const parts = pathname.split("/").filter((part) => part !== "");
  const group = parts[0] === "apis" ? parts[1] : parts[0] === "api" ? "" : undefined;
  if (group === undefined) return null;
  const [version, ...tail] = parts.slice(group === "" ? 1 : 2).map(decodeURIComponent);
  const inNamespace = tail[0] === "namespaces" && tail.length > 2;
  const namespace = inNamespace ? (tail[1] ?? "") : "";
  const [plural, name = "", subresource = ""] = inNamespace ? tail.slice(2) : tail;
  const type = resourceTypes.find((each) => each.group === group && each.version === version && each.plural === plural);
  if (type === undefined || (inNamespace && !type.namespaced)) return null;
  if (subresource !== "" && !(subresource === "status" && type.hasStatus)) return null;
  return { address: { type, namespace, name }, subresource };
}

/** The object that the address names; 404 where there is none. */
export function existing(store: KubernetesStore, { type, namespace, name }: ObjectAddress): ApiObject {
  const object = store.get(type.plural, keyOf(namespace, name));
  if (object === undefined) throw notFound(qualified(type), name);
  return object;
}

/**
 * What an admission plugin makes of an object that is to be created, by the plural of its resource; one that refuses it
 * throws an ApiFailure.
 */
export type Admission = (plural: string, object: ApiObject) => ApiObject;

/**
 * POST: adds an object; 409 AlreadyExists where its name is taken, 404 where its namespace is missing. With
 * `dryRun: "All"` nothing is added.
 */
export function createObject(
  store: KubernetesStore,
  address: ObjectAddress,
  body: unknown,
  { admission, dryRun }: { readonly admission: Admission; readonly dryRun: string | null },
): ApiObject {
  const { type, namespace } = address;
  if (type.namespaced && store.get("namespaces", namespace) === undefined) throw notFound("namespaces", namespace);
  const object = readObject(address, body);
  const key = keyOf(namespace, object.metadata.name);
  if (object.metadata.resourceVersion) throw badRequest("resourceVersion should not be set on objects to be created");
  if (store.get(type.plural, key) !== undefined) throw alreadyExists(qualified(type), object.metadata.name);
  const admitted = admission(type.plural, prepareCreate(type, object));
  return dryRun === "All" ? admitted : store.create(type.plural, key, admitted);
}

/** PUT of the object or its status: 409 where the body's resourceVersion or uid is not the current one's. */
export function updateObject(store: KubernetesStore, { address, subresource }: ApiPath, body: unknown): ApiObject {
  const before = existing(store, address);
  return write(store, { address, subresource }, before, readObject(address, body));
}

/** PATCH of the object or its status; a resourceVersion in the patch is a precondition. */
export function patchObject(store: KubernetesStore, path: ApiPath, contentType: string, patch: unknown): ApiObject {
  const before = existing(store, path.address);
  if (!isJsonObject(patch)) throw badRequest("the patch is no JSON object");
  return write(store, path, before, readObject(path.address, applyPatch(contentType, before, patch)));
}

function write(store: KubernetesStore, path: ApiPath, before: ApiObject, after: ApiObject): ApiObject {
  const { type, namespace, name } = path.address;
  checkVersion(type, before, after);
  const prepared =
    path.subresource === "status" ? prepareStatusUpdate(before, after) : prepareUpdate(type, before, after);
  if (isDeepStrictEqual(prepared, before)) return before;
  return store.replace(type.plural, keyOf(namespace, name), prepared);
}

function checkVersion(type: ResourceType, before: ApiObject, after: ApiObject): void {
  const { name, resourceVersion, uid } = after.metadata;
  if (uid !== undefined && uid !== before.metadata.uid) {
    throw conflict(
      qualified(type),
      name,
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${before.metadata.uid}`,
    );
  }
  if (resourceVersion !== undefined && resourceVersion !== "" && resourceVersion !== before.metadata.resourceVersion) {
    throw conflict(
      qualified(type),
      name,
      "the object has been modified; please apply your changes to the latest version and try again",
    );
  }
}

/**
 * DELETE with its DeleteOptions: 409 where a precondition does not hold. A pod on a node is only marked, and goes when
 * its kubelet deletes it with a grace of 0. Answers what the server answers: the pod, or a Status of success.
 */
export function deleteObject(
  store: KubernetesStore,
  address: ObjectAddress,
  options: JsonObject,
  wallTime: () => number,
): JsonObject {
  const { type, namespace, name } = address;
  const object = existing(store, address);
  checkPreconditions(type, object, options["preconditions"]);
  const key = keyOf(namespace, name);
  const grace = deletionGraceSeconds(type, object, options["gracePeriodSeconds"]);
  if (grace > 0 && object.metadata.deletionTimestamp !== undefined) return object;
  if (type.plural === "pods") {
    const deletionTimestamp = new Date(wallTime() + grace * 1_000).toISOString().replace(/\.\d+/, "");
    const metadata = { ...object.metadata, deletionTimestamp, deletionGracePeriodSeconds: grace };
    // Also one that goes at once is marked before.
    const marked = store.replace(type.plural, key, { ...object, metadata });
    if (grace === 0) store.remove(type.plural, key);
    return marked;
  }
  store.remove(type.plural, key);
  const details = { name, kind: type.plural, uid: object.metadata.uid };
  return { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", details };
}

function checkPreconditions(type: ResourceType, object: ApiObject, preconditions: unknown): void {
  if (!isJsonObject(preconditions)) return;
  const { name, uid, resourceVersion } = object.metadata;
  const wanted = preconditions;
  if (wanted["uid"] !== undefined && wanted["uid"] !== uid) {
    throw conflict(
      qualified(type),
      name,
      `Precondition failed: UID in precondition: ${wanted["uid"]}, UID in object meta: ${uid}`,
    );
  }
  if (wanted["resourceVersion"] !== undefined && wanted["resourceVersion"] !== resourceVersion) {
    throw conflict(
      qualified(type),
      name,
      `Precondition failed: ResourceVersion in precondition: ${wanted["resourceVersion"]}, ResourceVersion in object meta: ${resourceVersion}`,
    );
  }
}

/** The resource as messages name it: with its group, where it has one. */
function qualified(type: ResourceType): string {
  return type.group === "" ? type.plural : `${type.plural}.${type.group}`;
}
