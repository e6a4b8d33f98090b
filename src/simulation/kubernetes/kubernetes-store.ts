import { randomUUID } from "node:crypto";
import { createHistory, type StoreEvent } from "./kubernetes-history.ts";
import type { ApiObject, ObjectMeta } from "./kubernetes-objects.ts";
import { expired } from "./kubernetes-status.ts";

/**
 * The objects and their history: what etcd is to a real API server. One revision counts the writes of all resources;
 * an object carries the revision of its last write. Keys are `name` or `namespace/name`.
 */
export interface KubernetesStore {
  readonly revision: number;
  get(resource: string, key: string): ApiObject | undefined;
  /** All objects of a resource as of now, sorted by key. */
  list(resource: string): readonly ApiObject[];
  /** The objects as a list of this revision saw them, for its further pages. Throws 410 where it is not kept. */
  listAt(resource: string, revision: number): readonly ApiObject[];
  /** Adds an object and gives it uid, creation time and version. The key must be free. */
  create(resource: string, key: string, object: ApiObject): ApiObject;
  /** Puts another state of an existing object; one that changes nothing leaves the version as it is. */
  replace(resource: string, key: string, object: ApiObject): ApiObject;
  remove(resource: string, key: string): void;
  /** The writes after a revision, oldest first. Throws 410 where the history does not reach back that far. */
  since(resource: string, revision: number): readonly StoreEvent[];
  /** Calls `listener` for each later write of the resource; answers what ends that. */
  subscribe(resource: string, listener: (event: StoreEvent) => void): () => void;
  /** Forgets the history up to now, as a compaction does: older versions and continue tokens are expired. */
  expireHistory(): void;
}

const KEPT_LISTS = 16;
const INITIAL_REVISION = 1_000;

/** An empty store. `wallTime` dates the objects: milliseconds since the epoch. */
export function createStore(wallTime: () => number): KubernetesStore {
  const objects = createObjects();
  const history = createHistory(INITIAL_REVISION);
  let revision = INITIAL_REVISION;

  return {
    get revision() {
      return revision;
    },
    get: (resource, key) => objects.of(resource).get(key),
    list: (resource) => objects.sorted(resource, revision),
    listAt(resource, wanted) {
      const list = wanted === revision ? objects.sorted(resource, revision) : objects.kept(resource, wanted);
      if (list !== null && wanted >= history.compacted) return list;
      throw expired("The provided continue parameter is too old to display a consistent list result.");
    },
    create(resource, key, object) {
      revision += 1;
      const creationTimestamp = new Date(wallTime()).toISOString().replace(/\.\d+/, "");
      const created = stamped(object, revision, { uid: randomUUID(), creationTimestamp });
      objects.of(resource).set(key, created);
      history.record({ revision, resource, type: "ADDED", object: created, previous: null });
      return created;
    },
    replace(resource, key, object) {
      const previous = objects.of(resource).get(key) ?? null;
      const version = previous?.metadata.resourceVersion ?? "";
      if (previous !== null && JSON.stringify(previous) === JSON.stringify(stamped(object, version))) return previous;
      revision += 1;
      const replaced = stamped(object, revision);
      objects.of(resource).set(key, replaced);
      history.record({ revision, resource, type: "MODIFIED", object: replaced, previous });
      return replaced;
    },
    remove(resource, key) {
      const previous = objects.of(resource).get(key);
      if (previous === undefined) return;
      objects.of(resource).delete(key);
      revision += 1;
      history.record({ revision, resource, type: "DELETED", object: stamped(previous, revision), previous });
    },
    since: history.since,
    subscribe: history.subscribe,
    expireHistory() {
      // A revision of its own, as the writes of others would bring it, so that every version given so far is too old.
      revision += 1;
      history.compact(revision);
    },
  };
}

interface StoredObjects {
  /** The objects of a resource by key, to be changed in place. */
  of(resource: string): Map<string, ApiObject>;
  /** The objects of now, which have this revision, sorted by key; kept for the pages after the first. */
  sorted(resource: string, revision: number): readonly ApiObject[];
  /** What `sorted` answered at an earlier revision, or null. */
  kept(resource: string, revision: number): readonly ApiObject[] | null;
}

function createObjects(): StoredObjects {
  const byResource = new Map<string, Map<string, ApiObject>>();
  const lists = new Map<string, readonly ApiObject[]>();

  function of(resource: string): Map<string, ApiObject> {
    const found = byResource.get(resource) ?? new Map<string, ApiObject>();
    byResource.set(resource, found);
    return found;
  }

  return {
    of,
    sorted(resource, revision) {
      const id = `${resource}@${revision}`;
      const known = lists.get(id);
      if (known !== undefined) return known;
      const sorted = [...of(resource)].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
      lists.set(id, sorted);
      if (lists.size > KEPT_LISTS) lists.delete(lists.keys().next().value ?? id);
      return sorted;
    },
    kept: (resource, revision) => lists.get(`${resource}@${revision}`) ?? null,
  };
}

/** The object with its version, and with further metadata; the fields' order stays the same from write to write. */
function stamped(object: ApiObject, version: number | string, metadata: Partial<ObjectMeta> = {}): ApiObject {
  return { ...object, metadata: { ...object.metadata, ...metadata, resourceVersion: String(version) } };
}

const texts = new WeakMap<ApiObject, string>();

/** The object as JSON, made once: objects are immutable, and thousands of lists and watches send the same ones. */
export function jsonOf(object: ApiObject): string {
  const known = texts.get(object);
  if (known !== undefined) return known;
  const text = JSON.stringify(object);
  texts.set(object, text);
  return text;
}
