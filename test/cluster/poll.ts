import { setTimeout as delay } from "node:timers/promises";

/** How long {@link pollUntil} tries, how often, and what makes it stop early. */
export type PollOptions = {
  /** Deadline in milliseconds from the call; 30 s unless told. Generous, since it is only reached by a failure. */
  readonly timeoutMs?: number;
  /** Pause between two tries in milliseconds; 50 unless told. */
  readonly intervalMs?: number;
  /** Asked before each try: a text ends the polling at once with that text, since no further try could succeed. */
  readonly giveUp?: () => string | undefined;
};

/**
 * Calls `probe` until it answers something other than `undefined` or `false`, and returns that.
 *
 * A probe that throws counts as "not yet": what a server in the middle of its start answers is not an error. Past the
 * deadline the error names `what` was waited for and carries the last thing the probe threw as its cause.
 */
export async function pollUntil<T>(
  what: string,
  probe: () => Promise<T | undefined | false>,
  options: PollOptions = {},
): Promise<T> {
  const { timeoutMs = 30_000, intervalMs = 50, giveUp } = options;
  const deadline = performance.now() + timeoutMs;
  let lastError: unknown;
  do {
    const reason = giveUp?.();
    if (reason !== undefined) {
      throw new Error(`Gave up waiting for ${what}: ${reason}`);
    }
    try {
      const answer = await probe();
      if (answer !== undefined && answer !== false) {
        return answer;
      }
    } catch (error) {
      lastError = error;
    }
    await delay(intervalMs);
  } while (performance.now() < deadline);
  throw new Error(`Waited ${timeoutMs} ms in vain for ${what}`, {
    cause: lastError,
  });
}
