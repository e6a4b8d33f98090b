/** Lets so many pieces of work run at one time; the others wait in order. */
export interface Semaphore {
  /** Resolves with what gives the place back; rejects with the signal's reason if it aborts first. */
  acquire(signal: AbortSignal): Promise<() => void>;
}

export function createSemaphore(places: number): Semaphore {
  const waiting = new Set<() => void>();
  let free = places;

  function release(): void {
    free += 1;
    const [next] = waiting;
    next?.();
  }

  /** A place, which can be given back once. */
  function take(): () => void {
    free -= 1;
    let held = true;
    return () => {
      if (held) release();
      held = false;
    };
  }

  return {
    acquire(signal) {
      return new Promise((resolve, reject) => {
        signal.throwIfAborted();
        if (free > 0) {
          resolve(take());
          return;
        }
        const onAbort = () => {
          waiting.delete(onTurn);
          reject(signal.reason);
        };
        const onTurn = () => {
          waiting.delete(onTurn);
          signal.removeEventListener("abort", onAbort);
          resolve(take());
        };
        waiting.add(onTurn);
        signal.addEventListener("abort", onAbort, { once: true });
      });
    },
  };
}

/**
 * Runs `work` on each item, so many at one time, in order of their start. The first failure aborts the signal of the
 * others and is the whole's.
 */
export async function forEachConcurrently<T>(
  items: readonly T[],
  concurrency: number,
  signal: AbortSignal,
  work: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  const onAbort = () => stop.abort(signal.reason);
  const queue = items.values();
  async function worker(): Promise<void> {
    for (let next = queue.next(); !next.done; next = queue.next()) {
      stop.signal.throwIfAborted();
      await work(next.value, stop.signal);
    }
  }
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    await Promise.all(Array.from({ length: Math.min(concurrency, items.length) }, worker));
  } finally {
    signal.removeEventListener("abort", onAbort);
    stop.abort();
  }
}
