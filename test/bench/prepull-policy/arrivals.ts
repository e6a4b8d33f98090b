import type { Clock } from "../../../src/ports.ts";
import { nodeName, type Scenario, type SimulatedImage } from "./scenario.ts";

/** When which image has arrived on which node. */
export interface Arrivals {
  /** Names of the nodes that are there now. */
  nodes(): readonly string[];
  /** What the node lacks, the recommended image first. */
  missing(node: string): readonly SimulatedImage[];
  arrived(node: string, image: SimulatedImage): void;
  /** Whether all nodes have joined and have everything. */
  isComplete(): boolean;
  /** Milliseconds from the moment that the node was there to the arrival, by pair. */
  readonly waits: readonly Wait[];
}

/** One pair of node and image, pulled. */
export interface Wait {
  readonly node: string;
  readonly digest: string;
  readonly milliseconds: number;
  /** Whether the node joined later than the first ones. */
  readonly joined: boolean;
}

/** The cluster of a scenario: its first nodes are there, the others join by the clock; `onJoin` is told of each. */
export function arrivalsOf(scenario: Scenario, clock: Clock, onJoin: (node: string) => void): Arrivals {
  const since = new Map<string, number>();
  const held = new Map<string, Set<string>>();
  const waits: Wait[] = [];
  const start = clock.monotonicTime();

  function join(node: string): void {
    since.set(node, clock.monotonicTime());
    held.set(node, new Set());
  }

  for (let at = 0; at < scenario.nodes; at++) join(nodeName(at));
  for (let at = 0; at < scenario.joining; at++) {
    const node = nodeName(scenario.nodes + at);
    clock.schedule((at + 1) * scenario.joinEvery, () => {
      join(node);
      onJoin(node);
    });
  }

  return {
    nodes: () => [...since.keys()],
    missing: (node) => scenario.images.filter(({ digest }) => !held.get(node)?.has(digest)),
    arrived(node, { digest }) {
      const own = held.get(node);
      const from = since.get(node);
      if (own === undefined || from === undefined || own.has(digest)) {
        throw new Error(`${digest} was pulled to ${node} for nothing`);
      }
      own.add(digest);
      waits.push({ node, digest, milliseconds: clock.monotonicTime() - from, joined: from > start });
    },
    isComplete: () => waits.length === (scenario.nodes + scenario.joining) * scenario.images.length,
    waits,
  };
}
