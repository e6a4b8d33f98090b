import type { SimulatedTime } from "../kubernetes/kubernetes-time.ts";

/** A registry's line to the cluster, shared by all pulls that run: each gets `total / running`, or less. */
export interface RegistryLink {
  /** How many transfers run. */
  readonly running: number;
  /**
   * Resolves when the bytes have come, at most `nodeBytesPerSecond`; rejects with the signal's reason.
   */
  transfer(bytes: number, nodeBytesPerSecond: number, signal: AbortSignal): Promise<void>;
}

interface Transfer {
  left: number;
  readonly limit: number;
  readonly done: () => void;
}

/** Less than this is a rounding error of the arithmetic. */
const EPSILON_BYTES = 0.5;

/** A link with this throughput in all, in bytes per second. */
export function createRegistryLink(time: SimulatedTime, bytesPerSecond: number): RegistryLink {
  const transfers = new Set<Transfer>();
  let settledAt = time.monotonicTime();
  let cancelNext = (): void => undefined;

  function rate(transfer: Transfer): number {
    return Math.min(transfer.limit, bytesPerSecond / transfers.size);
  }

  /** Credits what has come since the last time, ends what is whole, and waits for the next that will be. */
  function settle(): void {
    cancelNext();
    const now = time.monotonicTime();
    const seconds = (now - settledAt) / 1_000;
    settledAt = now;
    for (const transfer of transfers) transfer.left -= seconds * rate(transfer);
    for (const transfer of [...transfers]) {
      if (transfer.left > EPSILON_BYTES) continue;
      transfers.delete(transfer);
      transfer.done();
    }
    let next = Number.POSITIVE_INFINITY;
    for (const transfer of transfers) next = Math.min(next, (transfer.left / rate(transfer)) * 1_000);
    if (next !== Number.POSITIVE_INFINITY) cancelNext = time.schedule(Math.max(1, Math.ceil(next)), settle);
  }

  return {
    get running() {
      return transfers.size;
    },
    transfer(bytes, nodeBytesPerSecond, signal) {
      return new Promise((resolve, reject) => {
        if (signal.aborted) {
          reject(signal.reason);
          return;
        }
        const transfer: Transfer = {
          left: bytes,
          limit: nodeBytesPerSecond,
          done() {
            signal.removeEventListener("abort", onAbort);
            resolve();
          },
        };
        const onAbort = () => {
          settle();
          if (transfers.delete(transfer)) settle();
          reject(signal.reason);
        };
        signal.addEventListener("abort", onAbort, { once: true });
        settle();
        transfers.add(transfer);
        settle();
      });
    },
  };
}
