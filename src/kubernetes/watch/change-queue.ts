import type { Clock, NodeChange } from "../../ports.ts";

/** Debounces changes, so that 5,000 of them are 250 calls and not 5,000. */
export interface ChangeQueue {
  /**
   * Adds a change; it supersedes one of the same node that still waits. A node is known by its uid: where one name was
   * used twice meanwhile, the removal of the first node is delivered as well, for whoever still holds that one.
   */
  add(change: NodeChange): void;
  /** Delivers what waits, now. */
  flush(): void;
  /** Drops what waits. */
  clear(): void;
}

/** Limits of a batch of changes. */
export interface ChangeQueueLimits {
  /** From the first change until it is delivered. */
  readonly debounceMs: number;
  /** A batch of this size is delivered at once: bounds memory, and the work of one call. */
  readonly maxChanges: number;
}

export const defaultQueueLimits: ChangeQueueLimits = { debounceMs: 50, maxChanges: 20 };

/** Creates a queue that delivers in the order of each node's latest change. */
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
      else cancel ??= clock.schedule(limits.debounceMs, flush);
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
