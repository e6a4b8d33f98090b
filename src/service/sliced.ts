import { setImmediate as nextTurn } from "node:timers/promises";
import type { Sliced } from "../domain/images/catalog.ts";

/** Milliseconds of work before others get a turn of the event loop: look-ups must not wait for a refresh. */
const BUDGET = 3;

/** Does a sliced piece of work, letting the event loop turn in between; rejects with the signal's reason when it aborts. */
export async function runSliced<T>(work: Sliced<T>, signal: AbortSignal): Promise<T> {
  for (;;) {
    signal.throwIfAborted();
    const until = performance.now() + BUDGET;
    do {
      const step = work.next();
      if (step.done) return step.value;
    } while (performance.now() < until);
    await nextTurn();
  }
}
