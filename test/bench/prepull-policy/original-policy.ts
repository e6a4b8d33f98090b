import type { Clock } from "../../../src/ports.ts";
import type { Arrivals } from "./arrivals.ts";
import type { Scenario } from "./scenario.ts";
import type { Transfers } from "./transfers.ts";

/**
 * The original's policy, in its favour: a round begins with the missing images as they are at that very moment, all
 * nodes work through their lists at the same time, one image after the other, and the next round begins as soon as the
 * slowest node of this one is done. What has failed is tried again in the next round.
 */
export function startOriginalPolicy(scenario: Scenario, clock: Clock, transfers: Transfers, arrivals: Arrivals): void {
  async function workThrough(node: string): Promise<void> {
    for (const image of arrivals.missing(node)) {
      if (await transfers.pull(node, image)) arrivals.arrived(node, image);
    }
  }

  async function rounds(): Promise<void> {
    while (!arrivals.isComplete()) {
      const behind = arrivals.nodes().filter((node) => arrivals.missing(node).length > 0);
      if (behind.length > 0) await Promise.all(behind.map(workThrough));
      else await new Promise<void>((resolve) => void clock.schedule(scenario.joinEvery, resolve));
    }
  }

  void rounds();
}
