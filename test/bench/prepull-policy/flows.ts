import type { Clock } from "../../../src/ports.ts";

interface Flow {
  remaining: number;
  /** Bytes a second that its node can take. */
  readonly bandwidth: number;
  readonly done: (isWhole: boolean) => void;
  /** Bytes a second now. */
  rate: number;
}

/** Transfers that share a registry's bandwidth. */
export interface Flows {
  /** Starts one; `done` is called when the whole image is there, or with false when it breaks. */
  add(sizeBytes: number, bandwidth: number, done: (isWhole: boolean) => void): void;
  breakAll(): void;
}

/** Each gets its node's bandwidth, or an equal part of what the registry has left, where that is less (max-min fairness). */
export function createFlows(registryBandwidth: number, clock: Clock): Flows {
  const running = new Set<Flow>();
  let updatedAt = 0;
  let cancelNext = (): void => undefined;

  function advance(): void {
    const seconds = (clock.monotonicTime() - updatedAt) / 1_000;
    for (const flow of running) flow.remaining -= seconds * flow.rate;
    updatedAt = clock.monotonicTime();
  }

  function plan(): void {
    cancelNext();
    share(running, registryBandwidth);
    let leastMs = Number.POSITIVE_INFINITY;
    for (const { remaining, rate } of running) leastMs = Math.min(leastMs, (Math.max(0, remaining) / rate) * 1_000);
    if (leastMs === Number.POSITIVE_INFINITY) return;
    cancelNext = clock.schedule(leastMs, () => {
      advance();
      // A byte is nothing: what is left of rounding must not need an event of its own.
      const whole = [...running].filter(({ remaining }) => remaining < 1);
      for (const flow of whole) running.delete(flow);
      for (const flow of whole) flow.done(true);
      plan();
    });
  }

  return {
    add(sizeBytes, bandwidth, done) {
      advance();
      running.add({ remaining: sizeBytes, bandwidth, done, rate: 0 });
      plan();
    },
    breakAll() {
      advance();
      const broken = [...running];
      running.clear();
      for (const flow of broken) flow.done(false);
      plan();
    },
  };
}

function share(flows: ReadonlySet<Flow>, registryBandwidth: number): void {
  const byBandwidth = new Map<number, Flow[]>();
  for (const flow of flows) {
    const alike = byBandwidth.get(flow.bandwidth);
    if (alike === undefined) byBandwidth.set(flow.bandwidth, [flow]);
    else alike.push(flow);
  }
  let left = registryBandwidth;
  let count = flows.size;
  for (const [bandwidth, alike] of [...byBandwidth].sort(([a], [b]) => a - b)) {
    const rate = Math.min(bandwidth, left / count);
    for (const flow of alike) flow.rate = rate;
    left -= rate * alike.length;
    count -= alike.length;
  }
}
