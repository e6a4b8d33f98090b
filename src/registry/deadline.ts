import type { Clock } from "../ports.ts";

/** A signal that aborts with the reason of a parent, or when time is up. */
export interface Deadline {
  readonly signal: AbortSignal;
  /** True if time was up before a parent aborted. */
  readonly expired: boolean;
  /** Must be called when the work is over: releases the timer and the listeners on the parents. */
  release(): void;
}

/** Starts the time of one piece of work. Not `AbortSignal.timeout`, whose clock no test can turn. */
export function startDeadline(clock: Clock, milliseconds: number, ...parents: readonly AbortSignal[]): Deadline {
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
