import type { Clock } from "../ports.ts";

/** What a deadline aborts with; told apart from an abort by the caller. */
export class DeadlineReached extends Error {
  override readonly name = "DeadlineReached";
}

/**
 * Runs `work` with a signal that aborts when `signal` does, with its reason, or after `milliseconds`, with a
 * DeadlineReached. Releases timer and listener when the work settles.
 */
export async function withDeadline<T>(
  clock: Clock,
  milliseconds: number,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const controller = new AbortController();
  const onAbort = () => controller.abort(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  const cancel = clock.schedule(milliseconds, () => controller.abort(new DeadlineReached()));
  try {
    return await orAborted(work(controller.signal), controller.signal);
  } finally {
    cancel();
    signal.removeEventListener("abort", onAbort);
  }
}

/**
 * What `promise` settles with, or the signal's reason as soon as it aborts: for work that may not notice. Libraries wrap
 * the reason of an abort or replace it; after an abort its own reason is what counts.
 */
export async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  let release = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    release = () => signal.removeEventListener("abort", onAbort);
    if (signal.aborted) onAbort();
  });
  try {
    return await Promise.race([promise, aborted]);
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    release();
  }
}

/** Resolves after `milliseconds`, or rejects with the signal's reason. */
export function pause(clock: Clock, milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = () => {
      cancel();
      reject(signal.reason);
    };
    const cancel = clock.schedule(milliseconds, () => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    });
    signal.addEventListener("abort", onAbort, { once: true });
  });
}
