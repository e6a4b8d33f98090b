import { CancelledError, ShuttingDownError } from "../domain/errors.ts";
import { orAborted, pause } from "../lib/abort.ts";
import type { Clock, RefreshCause } from "../ports.ts";
import { createRefreshPace } from "./refresh-pace.ts";

/** Those who demand refreshes, and wait for their ends. */
export interface RefreshDemands {
  /**
   * Settles when a refresh that started after this call has ended, with its error; rejects with CancelledError when the
   * signal aborts. Demands by hand that come too fast wait for one refresh together.
   */
  demand(cause: RefreshCause, signal: AbortSignal): Promise<void>;
  /** Run `run` has ended: settles the demands that waited for it or for an earlier one. */
  settle(run: number, error: Error | null): void;
  /** Nothing ends after this: all demands fail. */
  fail(error: Error): void;
}

/** The refresh cycle, as demands need it. */
export interface RefreshDemandsDeps {
  readonly clock: Clock;
  /** Aborts when the service stops. */
  readonly stopping: AbortSignal;
  /** Refreshes started so far. */
  readonly startedRuns: () => number;
  /** Starts a refresh at once, or right after the one that is under way. */
  readonly request: (cause: RefreshCause) => void;
  /** Somebody asks by hand: pauses that a registry has asked for end. */
  readonly ignoreRetryAfter: () => void;
}

interface Waiter {
  readonly run: number;
  readonly done: (error: Error | null) => void;
}

export function createRefreshDemands(deps: RefreshDemandsDeps): RefreshDemands {
  const { clock, stopping, startedRuns } = deps;
  const pace = createRefreshPace(clock);
  const waiting = new Set<Waiter>();
  /** The last run that was demanded. */
  let demandedRun = 0;
  /** The run for those whose demands came too fast; null where there are none. */
  let pacedRun: Promise<number> | null = null;

  /** Returns the run to wait for: the one that the demand starts, or where one is under way, the one after that. */
  function start(cause: RefreshCause): number {
    const before = startedRuns();
    // The registry's own notification does not end the pause that it has asked for; a person does.
    if (cause === "REQUESTED") deps.ignoreRetryAfter();
    deps.request(cause);
    demandedRun = Math.max(startedRuns(), before + 1);
    return demandedRun;
  }

  function startLater(waitMs: number): Promise<number> {
    const started = pause(clock, waitMs, stopping).then(
      () => {
        pacedRun = null;
        pace.take();
        return start("REQUESTED");
      },
      () => {
        throw new ShuttingDownError();
      },
    );
    // Each demand gets the rejection by a promise of its own.
    started.catch(() => undefined);
    return started;
  }

  function waitFor(run: number, signal: AbortSignal): Promise<void> {
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
  }

  function finish(isDue: (waiter: Waiter) => boolean, error: Error | null): void {
    for (const waiter of waiting) {
      if (!isDue(waiter)) continue;
      waiting.delete(waiter);
      waiter.done(error);
    }
  }

  return {
    demand(cause, signal) {
      if (stopping.aborted) return Promise.reject(new ShuttingDownError());
      if (signal.aborted) return Promise.reject(new CancelledError());
      // The registry's notifications have a pace of their own.
      if (cause !== "REQUESTED") return waitFor(start(cause), signal);
      // One that is still to start serves all demands that come before it does.
      if (demandedRun > startedRuns()) {
        // It may be the registry's own notification that it joins.
        deps.ignoreRetryAfter();
        return waitFor(demandedRun, signal);
      }
      const waitMs = pacedRun === null ? pace.take() : 1;
      if (waitMs === 0) return waitFor(start(cause), signal);
      pacedRun ??= startLater(waitMs);
      return orAborted(pacedRun, signal).then((run) => waitFor(run, signal));
    },
    settle: (run, error) => finish((waiter) => waiter.run <= run, error),
    fail: (error) => finish(() => true, error),
  };
}
