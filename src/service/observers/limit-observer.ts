import type { PeerLimit } from "../../domain/peer-limits.ts";
import type { Clock, Logger } from "../../ports.ts";

/** What is counted of limits. */
export interface LimitMetrics {
  /** A limit has cut or refused a peer. */
  limitReached(limit: PeerLimit): void;
}

/** Metric and log of what limits cut or refuse. */
export interface LimitObserver {
  reached(limit: PeerLimit, peer: string): void;
  /** What was gathered and not logged yet is dropped. */
  stop(): void;
}

/** What the observer writes to. */
export interface LimitObserverDeps {
  readonly logger: Logger;
  readonly metrics: LimitMetrics;
  readonly clock: Clock;
}

/** Time in ms between two lines about the same limit. */
const INTERVAL_MS = 60_000;

/** What one limit has cut or refused since the last line about it. */
interface Gathered {
  count: number;
  /** The last one. */
  peer: string;
  readonly cancel: () => void;
}

/**
 * Logs the first peer that a limit cuts or refuses at once, and those of the minute after it in one line: hostile peers
 * come by the thousand. `peer` is an address, or the network of one, and stays out of the metric.
 */
export function createLimitObserver({ logger, metrics, clock }: LimitObserverDeps): LimitObserver {
  const limits = new Map<string, Gathered>();

  function log(limit: PeerLimit, count: number, peer: string): void {
    logger.warn({ ...limit, count, peer }, "a limit has cut or refused peers");
    const cancel = clock.schedule(INTERVAL_MS, () => logAgain(limit));
    limits.set(keyOf(limit), { count: 0, peer, cancel });
  }

  function logAgain(limit: PeerLimit): void {
    const { count, peer } = limits.get(keyOf(limit)) ?? { count: 0, peer: "" };
    limits.delete(keyOf(limit));
    if (count > 0) log(limit, count, peer);
  }

  return {
    reached(limit, peer) {
      metrics.limitReached(limit);
      const gathered = limits.get(keyOf(limit));
      if (gathered === undefined) {
        log(limit, 1, peer);
        return;
      }
      gathered.count += 1;
      gathered.peer = peer;
    },
    stop() {
      for (const { cancel } of limits.values()) cancel();
      limits.clear();
    },
  };
}

function keyOf({ protocol, limit }: PeerLimit): string {
  return `${protocol} ${limit}`;
}
