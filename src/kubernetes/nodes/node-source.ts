import { type BackoffLimits, reflectorBackoff } from "../../lib/backoff.ts";
import type { Clock, Logger, NodePage, NodeSource } from "../../ports.ts";
import type { KubernetesConnection } from "../client/connection.ts";
import { type ChangeQueueLimits, defaultQueueLimits } from "../watch/change-queue.ts";
import { createToldChanges, type ToldChanges } from "../watch/told-changes.ts";
import { createImageInterning } from "./image-interning.ts";
import { defaultListLimits, listNodes, type NodeListLimits } from "./node-list.ts";
import { defaultNodeWatchLimits, type NodeWatchLimits } from "./node-watch.ts";
import { createWatchLoop } from "./node-watch-loop.ts";

/** All bounds of a node source; each has a default. */
export interface NodeSourceLimits {
  readonly list: Partial<NodeListLimits>;
  readonly watch: Partial<NodeWatchLimits>;
  readonly backoff: Partial<BackoffLimits>;
  readonly queue: Partial<ChangeQueueLimits>;
}

/** A list that is under way, or was the last. */
interface Listing {
  /** Where the watch was before the list began; null while it has not. */
  before: { readonly position: string | null } | null;
  readonly told: ToldChanges;
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
 * goes on from there, so that whatever comes after that page is newer than the list. What the watch has told before, while
 * the list was on its way, may be newer, too: the versions tell. Where the list then fails, the watch goes back to where
 * it was before.
 */
export function createNodeSource(options: NodeSourceOptions): NodeSource {
  const { connection, clock, random, limits = {} } = options;
  const logger = options.logger.child({ component: "nodes" });
  const interning = createImageInterning();
  const labelSelector = selectorText(options.nodeSelector);
  const common = { connection, clock, interning, labelSelector };
  /** The list that is under way. */
  let listing: Listing | null = null;
  /** The list from which the watch has gone on. */
  let followed: Listing | null = null;
  const loop = createWatchLoop({
    clock,
    logger,
    isNews(change, resourceVersion) {
      if (followed?.told.has(change, resourceVersion)) return false;
      listing?.told.note(change, resourceVersion);
      return true;
    },
    watch: { ...common, random, limits: { ...defaultNodeWatchLimits, ...limits.watch } },
    backoff: { ...reflectorBackoff, ...limits.backoff },
    queue: { ...defaultQueueLimits, ...limits.queue },
  });
  const listContext = { ...common, limits: { ...defaultListLimits, ...limits.list } };

  return {
    async list(onPage, onRestart, signal) {
      const own: Listing = { before: null, told: createToldChanges() };
      const steps = {
        begins(version: string) {
          if (own.before === null) interning.renew();
          own.before ??= { position: loop.position };
          own.told.keepNewerThan(version);
          followed = own;
          loop.restartFrom(version);
        },
        page: (page: NodePage) => onPage({ ...page, nodes: own.told.bringUpToDate(page.nodes) }),
        restarts: onRestart,
      };
      listing = own;
      try {
        const observedAt = clock.monotonicTime();
        await listNodes(listContext, steps, signal);
        const unlisted = own.told.unlisted();
        if (unlisted.length > 0) onPage({ nodes: unlisted, observedAt });
      } catch (error) {
        // Unless another list has begun meanwhile, which the watch follows now.
        if (followed === own && own.before !== null) loop.restartFrom(own.before.position);
        throw error;
      } finally {
        if (listing === own) listing = null;
      }
    },
    follow: (listener, signal) => loop.follow(listener, signal),
  };
}

/** A label selector as the API has it: `key=value` terms, all of which must match. */
export function selectorText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(",");
}
