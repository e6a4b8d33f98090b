import type { NodeReport } from "../domain/node-report.ts";
import type { Clock, Logger, NodeChange, NodePage, NodeSource } from "../ports.ts";
import { type BackoffLimits, reflectorBackoff } from "./backoff.ts";
import { type ChangeQueueLimits, defaultQueueLimits, nodeNameOf } from "./change-queue.ts";
import type { KubernetesConnection } from "./connection.ts";
import { createImageInterning } from "./image-interning.ts";
import { defaultListLimits, listNodes, type NodeListLimits } from "./node-list.ts";
import { defaultWatchLimits, type NodeWatchLimits } from "./node-watch.ts";
import { createWatchLoop } from "./node-watch-loop.ts";

/** All bounds of a node source; each has a default. */
export interface NodeSourceLimits {
  readonly list: Partial<NodeListLimits>;
  readonly watch: Partial<NodeWatchLimits>;
  readonly backoff: Partial<BackoffLimits>;
  readonly queue: Partial<ChangeQueueLimits>;
}

/** A list that is under way. */
interface Listing {
  /** Where the watch was before the list began. */
  before: { readonly position: string | null } | null;
  /** The latest change of each node that the watch has told since the list began. */
  readonly newer: Map<string, NodeChange>;
}

/** What a node source needs. */
export interface NodeSourceOptions {
  readonly connection: KubernetesConnection;
  /** Labels that a node must have, all of them; empty for every node. */
  readonly nodeSelector: Readonly<Record<string, string>>;
  readonly clock: Clock;
  /** Evenly distributed from 0 to under 1, as `Math.random`; for jitter. */
  readonly random: () => number;
  readonly logger: Logger;
  readonly limits?: Partial<NodeSourceLimits>;
}

/**
 * The nodes of a cluster by list and watch: a reflector in the manner of client-go's, which keeps no state of its own
 * but a version. A list is a consistent state, in pages; as soon as its version is known, with its first page, the watch
 * goes on from there, so that whatever comes after that page is newer than the list. Where the list then fails, the
 * watch goes back to where it was before.
 */
export function createNodeSource(options: NodeSourceOptions): NodeSource {
  const { connection, clock, random, limits = {} } = options;
  const logger = options.logger.child({ component: "nodes" });
  const interning = createImageInterning();
  const labelSelector = selectorText(options.nodeSelector);
  const common = { connection, clock, interning, labelSelector };
  let listing: Listing | null = null;
  const loop = createWatchLoop({
    clock,
    logger,
    onChange: (change) => listing?.newer.set(nodeNameOf(change), change),
    watch: { ...common, random, limits: { ...defaultWatchLimits, ...limits.watch } },
    backoff: { ...reflectorBackoff, ...limits.backoff },
    queue: { ...defaultQueueLimits, ...limits.queue },
  });
  const listContext = { ...common, limits: { ...defaultListLimits, ...limits.list } };

  return {
    async list(onPage, onRestart, signal) {
      const own: Listing = { before: null, newer: new Map() };
      interning.renew();
      const steps = {
        begins(version: string) {
          own.before ??= { position: loop.position };
          own.newer.clear();
          listing = own;
          loop.restartFrom(version);
        },
        page: (page: NodePage) => onPage({ ...page, nodes: updated(page.nodes, own.newer) }),
        restarts: onRestart,
      };
      try {
        await listNodes(listContext, steps, signal);
      } catch (error) {
        // Unless another list has begun meanwhile, which the watch follows now.
        if (listing === own && own.before !== null) loop.restartFrom(own.before.position);
        throw error;
      } finally {
        if (listing === own) listing = null;
      }
    },
    follow: (listener, signal) => loop.follow(listener, signal),
  };
}

/** A page's nodes with what the watch, which is ahead of the list since its first page, has told of them meanwhile. */
function updated(nodes: readonly NodeReport[], newer: ReadonlyMap<string, NodeChange>): readonly NodeReport[] {
  if (newer.size === 0) return nodes;
  return nodes.flatMap((node) => {
    const change = newer.get(node.name);
    if (change === undefined) return [node];
    return change.type === "node.reported" ? [change.node] : [];
  });
}

/** A label selector as the API has it: `key=value` terms, all of which must match. */
export function selectorText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(",");
}
