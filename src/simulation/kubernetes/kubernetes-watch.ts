import type { ServerResponse } from "node:http";
import type { StoreEvent } from "./kubernetes-history.ts";
import { listFilter } from "./kubernetes-list.ts";
import { type ApiObject, apiVersionOf } from "./kubernetes-objects.ts";
import { ApiFailure } from "./kubernetes-status.ts";
import { jsonOf, type KubernetesStore } from "./kubernetes-store.ts";
import type { ObjectAddress } from "./kubernetes-strategy.ts";
import type { SimulatedTime } from "./kubernetes-time.ts";

/** Bookmarks come that long before a watch's time is over, too (apiserver, cacheWatcher). */
const BOOKMARK_BEFORE_END_MS = 2_000;
/** What a watch gets that names no `timeoutSeconds`: the real server takes 30 to 60 minutes. */
const DEFAULT_TIMEOUT_SECONDS = 1_800;
/** A watcher that does not read is cut when that much waits for it, as the real server does by event count. */
const MAX_WAITING_BYTES = 64 * 1024 * 1024;

/** How a watch is served. */
export interface WatchOptions {
  readonly time: SimulatedTime;
  /** Milliseconds between bookmarks; the real server takes a minute. */
  readonly bookmarkIntervalMs: number;
}

/**
 * Serves a watch on a response until its time is over or either side ends it: with the state of now as additions where
 * the request names no version (or 0), else with what has happened since. An expired version is an ERROR event in a
 * 200 answer, as the real server has it. Answers what ends the watch in order.
 */
export function serveWatch(
  store: KubernetesStore,
  address: ObjectAddress,
  query: URLSearchParams,
  response: ServerResponse,
  options: WatchOptions,
): () => void {
  const matches = listFilter(address, query);
  response.writeHead(200, { "content-type": "application/json" });
  response.flushHeaders();
  const send = (type: string, json: string) => {
    if (response.writableEnded) return;
    if (response.writableLength > MAX_WAITING_BYTES) response.destroy();
    else response.write(`{"type":"${type}","object":${json}}\n`);
  };
  try {
    for (const event of initialEvents(store, address, query)) sendMatching(event, matches, send);
  } catch (error) {
    if (!(error instanceof ApiFailure)) throw error;
    send("ERROR", JSON.stringify(error.toStatus()));
    response.end();
    return () => undefined;
  }
  const from = Number(query.get("resourceVersion") ?? "") || store.revision;
  const stops = [
    store.subscribe(address.type.plural, (event) => sendMatching(event, matches, send)),
    ...scheduleBookmarks(query, options, () => {
      if (store.revision > from) send("BOOKMARK", bookmark(address, store.revision));
    }),
    options.time.schedule(timeoutMs(query), () => response.end()),
  ];
  response.once("close", () => {
    for (const stop of stops) stop();
  });
  return () => response.end();
}

function initialEvents(store: KubernetesStore, address: ObjectAddress, query: URLSearchParams): readonly StoreEvent[] {
  const version = query.get("resourceVersion") ?? "";
  const resource = address.type.plural;
  if (version !== "" && version !== "0") return store.since(resource, Number(version));
  const { revision } = store;
  return store.list(resource).map((object) => ({ revision, resource, type: "ADDED", object, previous: null }));
}

/** An object that comes to match is an addition to this watcher, one that no longer matches a deletion. */
function sendMatching(
  event: StoreEvent,
  matches: (object: ApiObject) => boolean,
  send: (type: string, json: string) => void,
): void {
  const { object, previous } = event;
  const was = previous !== null && matches(previous);
  const is = event.type !== "DELETED" && matches(object);
  if (is) send(was ? "MODIFIED" : "ADDED", jsonOf(object));
  else if (was) send("DELETED", event.type === "DELETED" ? jsonOf(object) : lastMatching(previous, event.revision));
}

function lastMatching(previous: ApiObject, revision: number): string {
  const metadata = { ...previous.metadata, resourceVersion: String(revision) };
  return JSON.stringify({ ...previous, metadata });
}

function timeoutMs(query: URLSearchParams): number {
  const seconds = Number(query.get("timeoutSeconds") ?? "0");
  return (seconds > 0 ? seconds : DEFAULT_TIMEOUT_SECONDS) * 1_000;
}

/**
 * Bookmarks at the interval, and one shortly before the end, where the request allows them. As with the real server
 * there are none as long as nothing was written, of whatever kind, since the version that the watch began with.
 */
function scheduleBookmarks(
  query: URLSearchParams,
  { time, bookmarkIntervalMs }: WatchOptions,
  sendBookmark: () => void,
): (() => void)[] {
  const allowed = query.get("allowWatchBookmarks");
  if (allowed !== "true" && allowed !== "1") return [];
  let cancel = (): void => undefined;
  const again = () => {
    cancel = time.schedule(bookmarkIntervalMs, () => {
      sendBookmark();
      again();
    });
  };
  again();
  const beforeEnd = Math.max(0, timeoutMs(query) - BOOKMARK_BEFORE_END_MS);
  return [() => cancel(), time.schedule(beforeEnd, sendBookmark)];
}

function bookmark({ type }: ObjectAddress, revision: number): string {
  const metadata = { resourceVersion: String(revision), creationTimestamp: null };
  return JSON.stringify({ kind: type.kind, apiVersion: apiVersionOf(type), metadata });
}
