import type { Clock } from "../../../src/ports.ts";
import type { Scenario, SimulatedImage } from "./scenario.ts";

/** Transfers that share the registry's bandwidth: each gets its node's, or its part of the registry's where that is less. */
export interface Transfers {
  /** Starts one. The first to a node that is stuck hangs: nothing of it ever arrives, and it takes no bandwidth. */
  start(node: string, image: SimulatedImage): Transfer;
  /** The most that were under way at one time, hanging ones included. */
  readonly mostAtOnce: number;
}

/** One image on its way to one node. */
export interface Transfer {
  readonly isHanging: boolean;
  /** Resolves when the whole image is there; never, where the transfer hangs or is cancelled. */
  readonly arrived: Promise<void>;
  /** What has arrived is lost. Without effect on one that has ended. */
  cancel(): void;
}

interface Flow {
  remaining: number;
  readonly done: () => void;
}

/** All transfers of one run. */
export function transfersOf(scenario: Scenario, clock: Clock): Transfers {
  const flows = flowsOf(scenario, clock);
  const unstuck = new Set<string>();
  let underWay = 0;
  let mostAtOnce = 0;

  function isHanging(node: string): boolean {
    const hangs = scenario.stuck.has(node) && !unstuck.has(node);
    unstuck.add(node);
    return hangs;
  }

  return {
    start(node, { sizeBytes }) {
      const hanging = isHanging(node);
      const { promise: arrived, resolve } = Promise.withResolvers<void>();
      underWay += 1;
      mostAtOnce = Math.max(mostAtOnce, underWay);
      let isOver = false;
      function end(): void {
        if (isOver) return;
        isOver = true;
        underWay -= 1;
        flows.remove(flow);
      }
      const flow: Flow = {
        remaining: sizeBytes,
        done() {
          end();
          resolve();
        },
      };
      if (!hanging) flows.add(flow);
      return { isHanging: hanging, arrived, cancel: end };
    },
    get mostAtOnce() {
      return mostAtOnce;
    },
  };
}

/** Bytes flow at the same rate everywhere, and the rate changes only when one flow more or less shares it. */
function flowsOf({ nodeBandwidth, registryBandwidth }: Scenario, clock: Clock) {
  const running = new Set<Flow>();
  let updatedAt = 0;
  let cancelNext = (): void => undefined;

  const rate = () => Math.min(nodeBandwidth, registryBandwidth / Math.max(1, running.size)) / 1_000;

  function advance(): void {
    const passed = (clock.monotonicTime() - updatedAt) * rate();
    for (const flow of running) flow.remaining -= passed;
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
      for (const flow of [...running]) if (flow.remaining < 1) flow.done();
      plan();
    });
  }

  return {
    add(flow: Flow): void {
      advance();
      running.add(flow);
      plan();
    },
    remove(flow: Flow): void {
      advance();
      if (running.delete(flow)) plan();
    },
  };
}
