import type { Clock, NodeChange } from "../../ports.ts";

/** Gathers changes for a moment, so that 5,000 of them are 250 calls and not 5,000. */
export interface ChangeQueue {
  /**
   * Adds a change; one of the same node that still waits is superseded. A node is known by its uid: where one name has
   * been used twice meanwhile, the end of the first node is told as well, for whoever still holds that one.
   */
  add(change: NodeChange): void;
  /** Hands over what waits, now. */
  flush(): void;
  /** Forgets what waits. */
  clear(): void;
}

/** How long and how many changes are gathered. */
export interface ChangeQueueLimits {
  /** Milliseconds from the first change until it is handed over. */
  readonly gatherMs: number;
  /** So many changes are handed over at once, without waiting: bounds memory, and the work of one call. */
  readonly maxChanges: number;
}

export const defaultQueueLimits: ChangeQueueLimits = { gatherMs: 50, maxChanges: 20 };

/** An empty queue that hands over to `deliver`, in the order of each node's latest change. */
export function createChangeQueue(
  clock: Clock,
  limits: ChangeQueueLimits,
  deliver: (changes: readonly NodeChange[]) => void,
): ChangeQueue {
  const waiting = new Map<string, NodeChange>();
  let cancel: (() => void) | null = null;

  function clear(): void {
    cancel?.();
    cancel = null;
    waiting.clear();
  }

  function flush(): void {
    const changes = [...waiting.values()];
    clear();
    if (changes.length > 0) deliver(changes);
  }

  return {
    add(change) {
      const uid = nodeUidOf(change);
      // Taken out first, so that the order is that of the latest changes.
      waiting.delete(uid);
      waiting.set(uid, change);
      if (waiting.size >= limits.maxChanges) flush();
      else cancel ??= clock.schedule(limits.gatherMs, flush);
    },
    flush,
    clear,
  };
}

/** The name of the node that has changed. */
export function nodeNameOf(change: NodeChange): string {
  return change.type === "node.reported" ? change.node.name : change.name;
}

function nodeUidOf(change: NodeChange): string {
  return change.type === "node.reported" ? change.node.uid : change.uid;
}
