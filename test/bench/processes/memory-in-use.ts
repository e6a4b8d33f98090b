/** Bytes of this process: resident, and live after a full collection. */
export interface MemoryInUse {
  readonly rss: number;
  readonly live: number;
}

/** Reads what is resident, then collects, where the process was started with `--expose-gc`, and reads what is live. */
export function memoryInUse(): MemoryInUse {
  const { rss } = process.memoryUsage();
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return { rss, live: heapUsed + external };
}
