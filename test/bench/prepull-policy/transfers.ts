import type { Clock } from "../../../src/ports.ts";
import type { Scenario, SimulatedImage } from "./scenario.ts";

/** Pulls that share the registry's bandwidth: each gets the node's, or its part of the registry's where that is less. */
export interface Transfers {
  /** Settles with whether the image has arrived: false after the time-out. An abort takes the pull out; it stays pending. */
  pull(node: string, image: SimulatedImage, signal?: AbortSignal): Promise<boolean>;
  /** The most pulls that have run at one time, hanging ones included. */
  readonly mostAtOnce: number;
}

interface Transfer {
  remaining: number;
  readonly done: () => void;
}

/** All transfers of one run. A pull that hangs takes part of no bandwidth: nothing of it arrives. */
export function transfersOf(scenario: Scenario, clock: Clock): Transfers {
  const running = new Set<Transfer>();
  const hangs = new Map<string, number>();
  let updatedAt = 0;
  let cancelNext = (): void => undefined;
  let pulling = 0;
  let mostAtOnce = 0;

  const rate = () => Math.min(scenario.nodeBandwidth, scenario.registryBandwidth / Math.max(1, running.size)) / 1_000;

  function advance(): void {
    const passed = (clock.monotonicTime() - updatedAt) * rate();
    for (const transfer of running) transfer.remaining -= passed;
    updatedAt = clock.monotonicTime();
  }

  function plan(): void {
    cancelNext();
    let least = Number.POSITIVE_INFINITY;
    for (const { remaining } of running) least = Math.min(least, remaining);
    if (least === Number.POSITIVE_INFINITY) return;
    cancelNext = clock.schedule(Math.max(0, least) / rate(), () => {
      advance();
      // A byte is nothing: what is left of rounding must not need an event of its own.
      for (const transfer of [...running]) if (transfer.remaining < 1) transfer.done();
      plan();
    });
  }

  function isHanging(node: string): boolean {
    const before = hangs.get(node) ?? 0;
    if (!scenario.stuck.has(node) || before >= scenario.stuckPulls) return false;
    hangs.set(node, before + 1);
    return true;
  }

  return {
    pull(node, image, signal) {
      pulling += 1;
      mostAtOnce = Math.max(mostAtOnce, pulling);
      return new Promise((resolve) => {
        const transfer: Transfer = { remaining: image.sizeBytes, done: () => end(true) };
        const cancelTimeout = clock.schedule(scenario.pullTimeout, () => end(false));
        function end(arrived: boolean | null): void {
          cancelTimeout();
          signal?.removeEventListener("abort", onAbort);
          pulling -= 1;
          advance();
          running.delete(transfer);
          plan();
          if (arrived !== null) resolve(arrived);
        }
        const onAbort = (): void => end(null);
        signal?.addEventListener("abort", onAbort, { once: true });
        if (isHanging(node)) return;
        advance();
        running.add(transfer);
        plan();
      });
    },
    get mostAtOnce() {
      return mostAtOnce;
    },
  };
}
