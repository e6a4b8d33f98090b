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
