import type { ApiObject } from "./kubernetes-objects.ts";
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

/** The writes of the recent past, and those who want to hear of the next. */
export interface StoreHistory {
  /** Up to this revision everything is forgotten. */
  readonly compacted: number;
  record(event: StoreEvent): void;
  /** The writes after a revision, oldest first. Throws 410 where the history does not reach back that far. */
  since(resource: string, revision: number): readonly StoreEvent[];
  /** Calls `listener` for each later write of the resource; answers what ends that. */
  subscribe(resource: string, listener: (event: StoreEvent) => void): () => void;
  /** Forgets everything up to this revision. */
  compact(revision: number): void;
}

/** Writes that are kept at least. */
const HISTORY_EVENTS = 5_000;

/** A history that begins at this revision. */
export function createHistory(firstRevision: number): StoreHistory {
  const subscribers = new Map<string, Set<(event: StoreEvent) => void>>();
  let events: StoreEvent[] = [];
  let compacted = firstRevision;

  return {
    get compacted() {
      return compacted;
    },
    record(event) {
      events.push(event);
      if (events.length > HISTORY_EVENTS * 2) {
        events = events.slice(-HISTORY_EVENTS);
        compacted = (events[0]?.revision ?? event.revision) - 1;
      }
      for (const listener of [...(subscribers.get(event.resource) ?? [])]) listener(event);
    },
    since(resource, from) {
      if (from < compacted) throw expired(`too old resource version: ${from} (${compacted})`);
      return events.filter((event) => event.revision > from && event.resource === resource);
    },
    subscribe(resource, listener) {
      const listeners = subscribers.get(resource) ?? new Set();
      subscribers.set(resource, listeners.add(listener));
      return () => listeners.delete(listener);
    },
    compact(revision) {
      events = [];
      compacted = revision;
    },
  };
}
