import { setImmediate as nextTurn } from "node:timers/promises";
import type { CooperativeTask } from "../domain/cooperative.ts";

/** Milliseconds of work before others get a turn of the event loop: look-ups must not wait for a refresh. */
const BUDGET_MS = 3;

/** Runs a cooperative task, giving the event loop turns in between; rejects with the signal's reason when it aborts. */
export async function runCooperatively<T>(task: CooperativeTask<T>, signal: AbortSignal): Promise<T> {
  for (;;) {
    signal.throwIfAborted();
    const until = performance.now() + BUDGET_MS;
    do {
      const step = task.next();
      if (step.done) return step.value;
    } while (performance.now() < until);
    await nextTurn();
  }
}
