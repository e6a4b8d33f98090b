import type { Clock } from "../../../src/ports.ts";
import type { Arrivals } from "./arrivals.ts";
import { createFlows } from "./flows.ts";
import type { Scenario, SimulatedImage } from "./scenario.ts";

/** How a pull on a node ended: `hung` and `registry` are failures. */
export type WireEnd = "arrived" | "hung" | "registry";

/**
 * The nodes' runtimes and the registry. A node pulls one image at a time, in the order of the requests, and nobody can end
 * a pull: whoever waits for it no longer leaves it where it is, in the node's queue and on the wire.
 */
export interface Wire {
  /** Puts a pull into the node's queue. `onEnd` is called once. An image that is there already takes no time. */
  pull(node: string, image: SimulatedImage, onEnd: (end: WireEnd) => void): void;
  /** Pulls that have begun and not ended, hanging ones included; those in the nodes' queues are not among them. */
  readonly inProgress: number;
  /** The most that were in progress at one time. */
  readonly mostInProgress: number;
}

/** Milliseconds after which a registry that is out fails a pull. */
const FAILS_AFTER_MS = 5_000;

interface Request {
  readonly image: SimulatedImage;
  readonly onEnd: (end: WireEnd) => void;
}

/** All pulls of one run. The first pull on a node that is stuck hangs: nothing of it ever arrives. */
export function createWire(scenario: Scenario, clock: Clock, arrivals: Arrivals): Wire {
  const flows = createFlows(scenario.registryBandwidth, clock);
  const queues = new Map<string, Request[]>();
  const begunOn = new Set<string>();
  let inProgress = 0;
  let mostInProgress = 0;

  const isOut = () => {
    const time = clock.monotonicTime();
    return scenario.outage !== null && time >= scenario.outage.from && time < scenario.outage.until;
  };

  function begin(node: string): void {
    const [request] = queues.get(node) ?? [];
    if (request === undefined) return;
    const { image } = request;
    if (!arrivals.missing(node).includes(image)) {
      end(node, "arrived");
      return;
    }
    inProgress += 1;
    mostInProgress = Math.max(mostInProgress, inProgress);
    const over = (how: WireEnd) => {
      inProgress -= 1;
      if (how === "arrived") arrivals.arrived(node, image);
      end(node, how);
    };
    const isFirst = !begunOn.has(node);
    begunOn.add(node);
    if (isFirst && scenario.stuck.has(node)) clock.schedule(scenario.hangMs, () => over("hung"));
    else if (isOut()) clock.schedule(FAILS_AFTER_MS, () => over("registry"));
    else flows.add(image.sizeBytes, scenario.bandwidthOf(node), (isWhole) => over(isWhole ? "arrived" : "registry"));
  }

  function end(node: string, how: WireEnd): void {
    const queue = queues.get(node) ?? [];
    const request = queue.shift();
    begin(node);
    request?.onEnd(how);
  }

  if (scenario.outage !== null) clock.schedule(scenario.outage.from, () => flows.breakAll());
  return {
    pull(node, image, onEnd) {
      const queue = queues.get(node) ?? [];
      queues.set(node, queue);
      if (queue.push({ image, onEnd }) === 1) begin(node);
    },
    get inProgress() {
      return inProgress;
    },
    get mostInProgress() {
      return mostInProgress;
    },
  };
}
