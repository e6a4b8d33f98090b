import { setTimeout as pause } from "node:timers/promises";

/**
 * Retries `check` until it answers without throwing, and answers what it answered; after the deadline it throws the
 * last error. For conditions on real sockets and processes, where no event tells that the state is reached.
 */
export async function eventually<T>(check: () => T | Promise<T>, { withinMs = 15_000, everyMs = 10 } = {}): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() >= deadline) throw error;
    }
    await pause(everyMs);
  }
}
