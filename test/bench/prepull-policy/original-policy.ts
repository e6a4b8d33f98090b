import type { Clock } from "../../../src/ports.ts";
import type { Arrivals } from "./arrivals.ts";
import type { Scenario } from "./scenario.ts";
import type { Wire } from "./wire.ts";

/** The original's policy at work. */
export interface OriginalRun {
  /** Reports a node that has come. */
  joined(node: string): void;
  /** The nodes that came while a round was under way, and so had to wait for its end. */
  readonly joinedDuringRound: ReadonlySet<string>;
}

/**
 * The original's policy: all nodes work through their lists at the same time, one image after the other, and the next
 * round begins when the slowest node of this one is done. What does not come in time is passed over until the next round;
 * its pod stays, so the node goes on with it, and what comes next waits in the kubelet. Its own code is slower in one
 * thing, which is left out in its favour: it learns what is missing, and that there are new nodes, from a refresh every
 * five minutes, and here at the very moment that a round can begin.
 */
export function startOriginalPolicy(scenario: Scenario, clock: Clock, wire: Wire, arrivals: Arrivals): OriginalRun {
  const joinedDuringRound = new Set<string>();
  /** Ends of the pulls in the nodes' queues, by node and digest: a pod of that name is there, and is waited for. */
  const waiting = new Map<string, Set<() => void>>();
  let working = 0;

  function startRound(): void {
    const behind = arrivals.nodes().filter((node) => arrivals.missing(node).length > 0);
    working = behind.length;
    for (const node of behind) workThrough(node, [...arrivals.missing(node)]);
  }

  function workThrough(node: string, images: readonly Scenario["images"][number][]): void {
    const [image, ...rest] = images;
    if (image === undefined) {
      working -= 1;
      if (working === 0 && !arrivals.isComplete()) {
        // A round in which nothing is left to do ends at once: the next one begins with the next node.
        startRound();
      }
      return;
    }
    let isOver = false;
    const goOn = () => {
      if (isOver) return;
      isOver = true;
      cancelTimeout();
      workThrough(node, rest);
    };
    const cancelTimeout = clock.schedule(scenario.pullTimeout, goOn);
    const key = `${node} ${image.digest}`;
    const waiters = waiting.get(key);
    if (waiters !== undefined) {
      waiters.add(goOn);
      return;
    }
    const own = new Set([goOn]);
    waiting.set(key, own);
    wire.pull(node, image, () => {
      waiting.delete(key);
      for (const waiter of own) waiter();
    });
  }

  clock.schedule(0, startRound);
  return {
    joined(node) {
      if (working > 0) joinedDuringRound.add(node);
      else startRound();
    },
    joinedDuringRound,
  };
}
