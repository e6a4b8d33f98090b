/**
 * Runs `work` on each item, so many at one time, in order of their start. The first failure aborts the signal of the
 * others and is the whole's.
 */
export async function forEachConcurrently<T>(
  items: readonly T[],
  concurrency: number,
  signal: AbortSignal,
  work: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  const onAbort = () => stop.abort(signal.reason);
  const queue = items.values();
  async function worker(): Promise<void> {
    for (let next = queue.next(); !next.done; next = queue.next()) {
      stop.signal.throwIfAborted();
      await work(next.value, stop.signal);
    }
  }
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    await Promise.all(Array.from({ length: Math.min(concurrency, items.length) }, worker));
  } finally {
    signal.removeEventListener("abort", onAbort);
    stop.abort();
  }
}
