import type { Clock } from "../../../src/ports.ts";
import type { Arrivals } from "./arrivals.ts";
import type { Scenario, SimulatedImage } from "./scenario.ts";
import type { Transfers } from "./transfers.ts";

/** The original's policy at work. */
export interface OriginalRun {
  /** Tells of a node that has come. */
  joined(node: string): void;
  /** The nodes that came while a round was under way, and so had to wait for its end. */
  readonly joinedDuringRound: ReadonlySet<string>;
}

/**
 * The original's policy: all nodes work through their lists at the same time, one image after the other, and the next
 * round begins when the slowest node of this one is done. What does not come in time is passed over until the next
 * round. Its own code is slower in one thing, which is left out in its favour: it learns what is missing, and that there
 * are new nodes, from a refresh every five minutes, and here at the very moment that a round can begin.
 */
export function startOriginalPolicy(
  scenario: Scenario,
  clock: Clock,
  transfers: Transfers,
  arrivals: Arrivals,
): OriginalRun {
  const pull = pullsThatGoOn(scenario, clock, transfers, arrivals);
  const joinedDuringRound = new Set<string>();
  let isInRound = false;
  let wake = (): void => undefined;

  async function workThrough(node: string): Promise<void> {
    for (const image of arrivals.missing(node)) await pull(node, image);
  }

  async function rounds(): Promise<void> {
    while (!arrivals.isComplete()) {
      const behind = arrivals.nodes().filter((node) => arrivals.missing(node).length > 0);
      if (behind.length > 0) {
        isInRound = true;
        await Promise.all(behind.map(workThrough));
        isInRound = false;
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  }

  void rounds();
  return {
    joined(node) {
      if (isInRound) joinedDuringRound.add(node);
      wake();
    },
    joinedDuringRound,
  };
}

/**
 * Pulls as the original has them: what takes too long is waited for no longer, but its pod stays, so the node goes on
 * with it, and what comes next waits in the kubelet, which pulls one image at a time. One that hangs comes to nothing.
 * Resolves with the arrival or the time-out.
 */
function pullsThatGoOn(scenario: Scenario, clock: Clock, transfers: Transfers, arrivals: Arrivals) {
  const underWay = new Map<string, Promise<void>>();
  const lastOn = new Map<string, Promise<void>>();

  async function transfer(node: string, image: SimulatedImage, before: Promise<void> | undefined): Promise<void> {
    await before;
    const { arrived, isHanging, cancel } = transfers.start(node, image);
    if (isHanging) {
      await new Promise<void>((resolve) => void clock.schedule(scenario.pullTimeout, resolve));
      return cancel();
    }
    await arrived;
    arrivals.arrived(node, image);
  }

  return (node: string, image: SimulatedImage): Promise<void> => {
    // It may have come since the list was made; the original's pod then ends at once.
    if (!arrivals.missing(node).includes(image)) return Promise.resolve();
    const key = `${node} ${image.digest}`;
    let own = underWay.get(key);
    if (own === undefined) {
      own = transfer(node, image, lastOn.get(node)).finally(() => underWay.delete(key));
      underWay.set(key, own);
      lastOn.set(node, own);
    }
    const end = own;
    return new Promise((resolve) => {
      const cancelTimeout = clock.schedule(scenario.pullTimeout, resolve);
      void end.then(() => {
        cancelTimeout();
        resolve();
      });
    });
  };
}
