import { abortable } from "../../lib/abort.ts";

/**
 * Room for a bounded number of pods in the cluster. A pull has its slot from before its pod is created until that pod
 * has gone, so pods keep to the bound also where one pull follows another at once: that a pull has ended is known (from
 * the node's own report, or because it is no longer wanted) before its pod is removed.
 *
 * No pod has a slot for ever. A pull ends, and gives its slot back, when its time is over and the few seconds that a
 * deletion is tried for; a pod that could not be deleted (the API server is down, or refuses) is then left over. Such a
 * pod, and one that an earlier process or leader has left, counts again from the next look of `recover` on, for as long
 * as it may still be pulling: until it has ended, or should have by its own deadline. Those pods exist already, so they
 * may be more than the bound; nothing is added to them.
 */
export interface PodSlots {
  /**
   * Resolves when the pod of this name may be there: at once where it is, since a left over pod brings its slot along,
   * else in the order of asking. Rejects with the signal's reason. One taker a name at a time.
   */
  take(name: string, signal: AbortSignal): Promise<void>;
  /** The pull of this name has ended, or no longer asks. Idempotent. */
  giveBack(name: string): void;
  /** The left over pods that may still be pulling, in place of those that were known so far. */
  leftOver(names: Iterable<string>): void;
  /** A leftover pod no longer pulls; others are ignored. */
  ended(name: string): void;
}

/** At most `limit` slots, all free. */
export function createPodSlots(limit: number): PodSlots {
  const taken = new Set<string>();
  const left = new Set<string>();
  const waiting = new Map<string, () => void>();

  const hasRoom = () => taken.size + left.size < limit;

  function serve(): void {
    for (const [name, grant] of waiting) {
      if (!hasRoom()) return;
      waiting.delete(name);
      taken.add(name);
      grant();
    }
  }

  function wait(name: string, signal: AbortSignal): Promise<void> {
    return abortable(signal, (resolve) => {
      waiting.set(name, resolve);
      return () => waiting.delete(name);
    });
  }

  return {
    async take(name, signal) {
      signal.throwIfAborted();
      if (!left.delete(name) && !hasRoom()) return wait(name, signal);
      taken.add(name);
    },
    giveBack(name) {
      taken.delete(name);
      left.delete(name);
      serve();
    },
    leftOver(names) {
      left.clear();
      for (const name of names) if (!taken.has(name)) left.add(name);
      serve();
    },
    ended(name) {
      if (left.delete(name)) serve();
    },
  };
}
