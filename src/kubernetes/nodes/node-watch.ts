import type { Clock, NodeChange } from "../../ports.ts";
import { unexpectedResponse } from "../client/api-errors.ts";
import type { KubernetesConnection } from "../client/connection.ts";
import {
  defaultWatchLimits,
  runWatch,
  type WatchEnd,
  type WatchEvent,
  type WatchLimits,
} from "../watch/watch-stream.ts";
import type { ImageInterning } from "./image-interning.ts";
import { readNode, resourceVersionOf } from "./node-object.ts";

/** Completes "cannot …" in messages. */
const WHAT = "watch nodes";

/** Limits of one watch, and what its length means. */
export interface NodeWatchLimits extends WatchLimits {
  /** A watch that lasted this long, in ms, was useful, however it ended: the next one starts soon. */
  readonly longLifeMs: number;
  /** A watch that was accepted counts as ok after this time in ms, also where nothing happens. */
  readonly stableMs: number;
}

export const defaultNodeWatchLimits: NodeWatchLimits = { ...defaultWatchLimits, longLifeMs: 30_000, stableMs: 2_000 };

/** Configuration and collaborators of a watch. */
export interface NodeWatchContext {
  readonly connection: KubernetesConnection;
  readonly clock: Clock;
  readonly random: () => number;
  readonly interning: ImageInterning;
  /** Label selector as the API has it; empty for all nodes. */
  readonly labelSelector: string;
  readonly limits: NodeWatchLimits;
}

/** Callbacks of a running watch; none is called after its signal has aborted. */
export interface NodeWatchHandler {
  /** The server has accepted the watch. */
  opened(): void;
  /** With the node's resource version; empty where it has none. */
  change(change: NodeChange, resourceVersion: string): void;
  /** The resource version up to which everything was reported, bookmarks included. */
  reached(resourceVersion: string): void;
}

/** Watches the nodes from a resource version on; returns why the watch ended. Never rejects. */
export function watchNodes(
  context: NodeWatchContext,
  from: string,
  handler: NodeWatchHandler,
  signal: AbortSignal,
): Promise<WatchEnd> {
  const { interning, ...request } = context;
  return runWatch(
    { ...request, what: WHAT, path: "/api/v1/nodes", from },
    { opened: handler.opened, event: (event) => handleEvent(event, interning, handler) },
    signal,
  );
}

function handleEvent(
  { type, object, observedAt }: WatchEvent,
  interning: ImageInterning,
  handler: NodeWatchHandler,
): void {
  if (type === "BOOKMARK") {
    handler.reached(resourceVersionOf(object));
    return;
  }
  const read = readNode(object, interning);
  if (read === null) throw unexpectedResponse(WHAT, "a node without name or uid");
  const { report, resourceVersion } = read;
  handler.change(
    type === "DELETED"
      ? { type: "node.removed", name: report.name, uid: report.uid, observedAt }
      : { type: "node.reported", node: report, observedAt },
    resourceVersion,
  );
  if (resourceVersion !== "") handler.reached(resourceVersion);
}
