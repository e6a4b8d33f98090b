/** The part of a clock that abort and deadline handling needs, so that tests turn it by hand. */
export interface Timer {
  /** Runs `callback` once after `milliseconds`; returns a function that cancels it. */
  schedule(milliseconds: number, callback: () => void): () => void;
}

/** The reason of an abort by a deadline, in contrast to an abort by the caller. */
export class DeadlineReached extends Error {
  override readonly name = "DeadlineReached";
}

/**
 * Runs `work` with a signal that aborts when `signal` does, with its reason, or after `milliseconds`, with a
 * DeadlineReached. Releases timer and listener when the work settles.
 */
export async function withDeadline<T>(
  clock: Timer,
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

/**
 * Resolves when `start` calls what it is given; rejects with the signal's reason as soon as that aborts. `start` returns a
 * function that takes it back, which an abort calls.
 */
export function abortable<T = void>(
  signal: AbortSignal,
  start: (resolve: (value: T) => void) => () => unknown,
): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = () => {
      cancel();
      reject(signal.reason);
    };
    const cancel = start((value) => {
      signal.removeEventListener("abort", onAbort);
      resolve(value);
    });
    signal.addEventListener("abort", onAbort, { once: true });
  });
}

/** Resolves after `milliseconds`, or rejects with the signal's reason. */
export function pause(clock: Timer, milliseconds: number, signal: AbortSignal): Promise<void> {
  return abortable(signal, (resolve) => clock.schedule(milliseconds, resolve));
}

/** A signal that aborts with the reason of a parent, or when time is up. */
export interface Deadline {
  readonly signal: AbortSignal;
  /** True if time was up before a parent aborted. */
  readonly expired: boolean;
  /** Must be called when the work is over: releases the timer and the listeners on the parents. */
  release(): void;
}

/** Starts the time of one piece of work. Not `AbortSignal.timeout`, whose clock no test can turn. */
export function startDeadline(clock: Timer, milliseconds: number, ...parents: readonly AbortSignal[]): Deadline {
  const controller = new AbortController();
  let expired = false;
  const onParentAbort = () => controller.abort(parents.find(({ aborted }) => aborted)?.reason);
  const cancel = clock.schedule(milliseconds, () => {
    expired = !controller.signal.aborted;
    controller.abort();
  });
  if (parents.some(({ aborted }) => aborted)) onParentAbort();
  for (const parent of parents) parent.addEventListener("abort", onParentAbort, { once: true });
  return {
    signal: controller.signal,
    get expired() {
      return expired;
    },
    release() {
      cancel();
      for (const parent of parents) parent.removeEventListener("abort", onParentAbort);
    },
  };
}

/** Wakes one waiter. A notification that comes while nobody waits counts for the next wait; several count as one. */
export interface Wakeup {
  notify(): void;
  /** Resolves at the next notification; rejects with the signal's reason. One waiter at a time. */
  wait(): Promise<void>;
}

/** A Wakeup that ends with this signal: one listener, however often it is waited for. */
export function createWakeup(signal: AbortSignal): Wakeup {
  let isPending = false;
  let waiter: PromiseWithResolvers<void> | null = null;
  signal.addEventListener("abort", () => waiter?.reject(signal.reason), { once: true });
  return {
    notify() {
      isPending = waiter === null;
      waiter?.resolve();
      waiter = null;
    },
    async wait() {
      signal.throwIfAborted();
      if (!isPending) {
        waiter = Promise.withResolvers();
        await waiter.promise;
      }
      isPending = false;
    },
  };
}
