import { CancelledError } from "../domain/errors.ts";

/** Demands that wait for the end of a refresh. */
export interface RefreshWaiters {
  /** Settles when run `run` or a later one has ended, with its error; rejects with CancelledError when the signal aborts. */
  waitFor(run: number, signal: AbortSignal): Promise<void>;
  /** Run `run` has ended: whoever waited for it or an earlier one is told. */
  settle(run: number, error: Error | null): void;
  /** Nothing will end any more. */
  fail(error: Error): void;
}

interface Waiter {
  readonly run: number;
  readonly done: (error: Error | null) => void;
}

/** An empty room. Any number of demands may wait for one run. */
export function refreshWaiters(): RefreshWaiters {
  const waiting = new Set<Waiter>();

  function finish(isDue: (waiter: Waiter) => boolean, error: Error | null): void {
    for (const waiter of waiting) {
      if (!isDue(waiter)) continue;
      waiting.delete(waiter);
      waiter.done(error);
    }
  }

  return {
    waitFor(run, signal) {
      return new Promise((resolve, reject) => {
        const onAbort = (): void => {
          waiting.delete(waiter);
          reject(new CancelledError());
        };
        const waiter: Waiter = {
          run,
          done(error) {
            signal.removeEventListener("abort", onAbort);
            if (error === null) resolve();
            else reject(error);
          },
        };
        if (signal.aborted) return onAbort();
        signal.addEventListener("abort", onAbort, { once: true });
        waiting.add(waiter);
      });
    },
    settle: (run, error) => finish((waiter) => waiter.run <= run, error),
    fail: (error) => finish(() => true, error),
  };
}
