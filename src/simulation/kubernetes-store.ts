import { randomUUID } from "node:crypto";
import type { ApiObject, ObjectMeta } from "./kubernetes-objects.ts";
import { expired } from "./kubernetes-status.ts";

/** One write, as a watch needs it. */
export interface StoreEvent {
  readonly revision: number;
  /** Plural of the resource. */
  readonly resource: string;
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  /** The object after the write; for a deletion its last state, with the deletion's resourceVersion. */
  readonly object: ApiObject;
  /** The object before the write; null for an addition. */
  readonly previous: ApiObject | null;
}

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

const HISTORY_EVENTS = 5_000;
const KEPT_LISTS = 16;
const FIRST_REVISION = 1_000;

/** An empty store. `wallTime` dates the objects: milliseconds since the epoch. */
export function createStore(wallTime: () => number): KubernetesStore {
  const objects = new Map<string, Map<string, ApiObject>>();
  const subscribers = new Map<string, Set<(event: StoreEvent) => void>>();
  const keptLists = new Map<string, readonly ApiObject[]>();
  let history: StoreEvent[] = [];
  let revision = FIRST_REVISION;
  let compacted = FIRST_REVISION;

  function record(event: Omit<StoreEvent, "revision">): void {
    const complete = { ...event, revision };
    history.push(complete);
    if (history.length > HISTORY_EVENTS * 2) {
      history = history.slice(-HISTORY_EVENTS);
      compacted = (history[0]?.revision ?? revision) - 1;
    }
    for (const listener of [...(subscribers.get(event.resource) ?? [])]) listener(complete);
  }

  function ofResource(resource: string): Map<string, ApiObject> {
    const found = objects.get(resource) ?? new Map<string, ApiObject>();
    objects.set(resource, found);
    return found;
  }

  function list(resource: string): readonly ApiObject[] {
    const id = `${resource}@${revision}`;
    const kept = keptLists.get(id);
    if (kept !== undefined) return kept;
    const sorted = [...ofResource(resource)].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
    keptLists.set(id, sorted);
    if (keptLists.size > KEPT_LISTS) keptLists.delete(keptLists.keys().next().value ?? id);
    return sorted;
  }

  return {
    get revision() {
      return revision;
    },
    get: (resource, key) => ofResource(resource).get(key),
    list,
    listAt(resource, wanted) {
      if (wanted === revision) return list(resource);
      const kept = keptLists.get(`${resource}@${wanted}`);
      if (kept === undefined || wanted < compacted) {
        throw expired("The provided continue parameter is too old to display a consistent list result.");
      }
      return kept;
    },
    create(resource, key, object) {
      revision += 1;
      const created = stamped(object, revision, {
        uid: randomUUID(),
        creationTimestamp: new Date(wallTime()).toISOString().replace(/\.\d+/, ""),
      });
      ofResource(resource).set(key, created);
      record({ resource, type: "ADDED", object: created, previous: null });
      return created;
    },
    replace(resource, key, object) {
      const previous = ofResource(resource).get(key) ?? null;
      const version = previous?.metadata.resourceVersion ?? "";
      if (previous !== null && JSON.stringify(previous) === JSON.stringify(stamped(object, version))) return previous;
      revision += 1;
      const replaced = stamped(object, revision);
      ofResource(resource).set(key, replaced);
      record({ resource, type: "MODIFIED", object: replaced, previous });
      return replaced;
    },
    remove(resource, key) {
      const previous = ofResource(resource).get(key);
      if (previous === undefined) return;
      ofResource(resource).delete(key);
      revision += 1;
      record({ resource, type: "DELETED", object: stamped(previous, revision), previous });
    },
    since(resource, from) {
      if (from < compacted) throw expired(`too old resource version: ${from} (${compacted})`);
      return history.filter((event) => event.revision > from && event.resource === resource);
    },
    subscribe(resource, listener) {
      const listeners = subscribers.get(resource) ?? new Set();
      subscribers.set(resource, listeners.add(listener));
      return () => listeners.delete(listener);
    },
    expireHistory() {
      history = [];
      keptLists.clear();
      // A revision of its own, as the writes of others would bring it, so that every version given so far is too old.
      revision += 1;
      compacted = revision;
    },
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
