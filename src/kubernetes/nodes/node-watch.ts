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

/** Bounds of one watch, and what its length says. */
export interface NodeWatchLimits extends WatchLimits {
  /** Milliseconds after which a watch that ends has done its work, however it ends: the next one begins soon. */
  readonly longLifeMs: number;
  /** Milliseconds after which a watch that was accepted counts as working, also where nothing happens. */
  readonly stableMs: number;
}

export const defaultNodeWatchLimits: NodeWatchLimits = { ...defaultWatchLimits, longLifeMs: 30_000, stableMs: 2_000 };

/** What a watch needs. */
export interface NodeWatchContext {
  readonly connection: KubernetesConnection;
  readonly clock: Clock;
  readonly random: () => number;
  readonly interning: ImageInterning;
  /** Label selector as the API has it; empty for all nodes. */
  readonly labelSelector: string;
  readonly limits: NodeWatchLimits;
}

/** What a watch tells while it runs; nothing after its signal has aborted. */
export interface NodeWatchSteps {
  /** The server has accepted the watch. */
  opened(): void;
  /** With the version of the node that it brings; empty where it has none. */
  change(change: NodeChange, resourceVersion: string): void;
  /** The version up to which everything has been told, bookmarks included. */
  reached(resourceVersion: string): void;
}

/** Watches the nodes from a version on until the watch ends, for whatever reason. Never rejects. */
export function watchNodes(
  context: NodeWatchContext,
  from: string,
  steps: NodeWatchSteps,
  signal: AbortSignal,
): Promise<WatchEnd> {
  const { interning, ...request } = context;
  return runWatch(
    { ...request, what: WHAT, path: "/api/v1/nodes", from },
    { opened: steps.opened, event: (event) => takeEvent(event, interning, steps) },
    signal,
  );
}

function takeEvent({ type, object, observedAt }: WatchEvent, interning: ImageInterning, steps: NodeWatchSteps): void {
  if (type === "BOOKMARK") {
    steps.reached(resourceVersionOf(object));
    return;
  }
  const read = readNode(object, interning);
  if (read === null) throw unexpectedResponse(WHAT, "a node without name or uid");
  const { report, resourceVersion } = read;
  steps.change(
    type === "DELETED"
      ? { type: "node.removed", name: report.name, uid: report.uid, observedAt }
      : { type: "node.reported", node: report, observedAt },
    resourceVersion,
  );
  if (resourceVersion !== "") steps.reached(resourceVersion);
}
