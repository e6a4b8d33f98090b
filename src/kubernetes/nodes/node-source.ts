import { type BackoffLimits, reflectorBackoff } from "../../lib/backoff.ts";
import type { Clock, Logger, NodePage, NodeSource } from "../../ports.ts";
import type { KubernetesConnection } from "../client/connection.ts";
import { type ChangeQueueLimits, defaultQueueLimits } from "../watch/change-queue.ts";
import { createListOverlay, type ListOverlay } from "../watch/list-overlay.ts";
import { createImageInterning } from "./image-interning.ts";
import { defaultListLimits, listNodes, type NodeListLimits } from "./node-list.ts";
import { defaultNodeWatchLimits, type NodeWatchLimits } from "./node-watch.ts";
import { createWatchLoop } from "./node-watch-loop.ts";

/** Limits of a node source; each has a default. */
export interface NodeSourceLimits {
  readonly list: Partial<NodeListLimits>;
  readonly watch: Partial<NodeWatchLimits>;
  readonly backoff: Partial<BackoffLimits>;
  readonly queue: Partial<ChangeQueueLimits>;
}

/** A list that is under way, or was the last. */
interface Listing {
  /** The resource version of the watch before the list began; null while it has not. */
  before: { readonly position: string | null } | null;
  readonly overlay: ListOverlay;
}

/** Configuration and collaborators of a node source. */
export interface NodeSourceOptions {
  readonly connection: KubernetesConnection;
  /** Labels that a node must have, all of them; empty for every node. */
  readonly nodeSelector: Readonly<Record<string, string>>;
  /** The labels that are kept of a node: those that decide to which sets it belongs. */
  readonly labelKeys: readonly string[];
  readonly clock: Clock;
  /** Evenly distributed from 0 to under 1, as `Math.random`; for jitter. */
  readonly random: () => number;
  readonly logger: Logger;
  readonly limits?: Partial<NodeSourceLimits>;
}

/**
 * The nodes of a cluster by list and watch: a reflector as in client-go, which keeps no state of its own but a resource
 * version. List: one consistent state, in pages. Watch: as soon as the list's version is known, with its first page, the
 * watch continues from there, so that whatever comes after that page is newer than the list; in-flight changes that it
 * reported before, while the list was requested, may be newer as well, and overlay the list. Why a watch ended decides what
 * follows: another watch, or a request for a list. Where the list fails, the watch goes back to its version before.
 */
export function createNodeSource(options: NodeSourceOptions): NodeSource {
  const { connection, clock, random, limits = {} } = options;
  const logger = options.logger.child({ component: "nodes" });
  const interning = createImageInterning(undefined, options.labelKeys);
  const labelSelector = selectorText(options.nodeSelector);
  const common = { connection, clock, interning, labelSelector };
  /** The list that is under way. */
  let listing: Listing | null = null;
  /** The list from which the watch continued. */
  let watched: Listing | null = null;
  const loop = createWatchLoop({
    clock,
    logger,
    isNew(change, resourceVersion) {
      if (watched?.overlay.covers(change, resourceVersion)) return false;
      listing?.overlay.record(change, resourceVersion);
      return true;
    },
    watch: { ...common, random, limits: { ...defaultNodeWatchLimits, ...limits.watch } },
    backoff: { ...reflectorBackoff, ...limits.backoff },
    queue: { ...defaultQueueLimits, ...limits.queue },
  });
  const listContext = { ...common, limits: { ...defaultListLimits, ...limits.list } };

  return {
    async list(onPage, onRestart, signal) {
      const own: Listing = { before: null, overlay: createListOverlay() };
      const steps = {
        begins(version: string) {
          if (own.before === null) interning.nextEpoch();
          own.before ??= { position: loop.position };
          own.overlay.keepNewerThan(version);
          watched = own;
          loop.restartFrom(version);
        },
        page: (page: NodePage) => onPage({ ...page, nodes: own.overlay.apply(page.nodes) }),
        restarts: onRestart,
      };
      listing = own;
      try {
        const observedAt = clock.monotonicTime();
        await listNodes(listContext, steps, signal);
        const unlisted = own.overlay.unlisted();
        if (unlisted.length > 0) onPage({ nodes: unlisted, observedAt });
      } catch (error) {
        // Unless another list has begun meanwhile, from which the watch continues now.
        if (watched === own && own.before !== null) loop.restartFrom(own.before.position);
        throw error;
      } finally {
        if (listing === own) listing = null;
      }
    },
    follow: (listener, signal) => loop.follow(listener, signal),
  };
}

/** Returns a label selector as the API has it: `key=value` terms, all of which must match. */
export function selectorText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(",");
}
