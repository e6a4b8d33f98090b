/** One simulated cluster, the same for both policies. */
export interface Scenario {
  readonly seed: number;
  /** Nodes that are there from the start. */
  readonly nodes: number;
  /** How many join later, one every `joinEvery` milliseconds. */
  readonly joining: number;
  readonly joinEvery: number;
  readonly images: readonly SimulatedImage[];
  /** Bytes a second that one node can take, and that the registry can give to all. */
  readonly nodeBandwidth: number;
  readonly registryBandwidth: number;
  /** Names of nodes whose first pulls hang until the time-out. */
  readonly stuck: ReadonlySet<string>;
  /** How many pulls hang on such a node before it is well. */
  readonly stuckPulls: number;
  /** Milliseconds. */
  readonly pullTimeout: number;
}

/** One image of the prepull set. */
export interface SimulatedImage {
  readonly tag: string;
  readonly digest: string;
  readonly sizeBytes: number;
}

/** The size of a scenario: row 11 of performance.md has 200 nodes. */
export interface ScenarioSize {
  readonly seed: number;
  readonly nodes: number;
  readonly joining: number;
}

const GIGABYTE = 1e9;
const MINUTE = 60_000;
/** A node takes 2.5 Gbit/s; the registry is saturated at 20 pulls, with 50 Gbit/s. */
const NODE_BANDWIDTH = 2.5e9 / 8;
const SATURATED_AT = 20;
/** The default: just long enough for the largest image while all nodes pull at once, which is what the original does. */
const PULL_TIMEOUT = 10 * MINUTE;

/** Six images of 4 to 15 GB, the first is the recommended one; 2 % of the nodes are stuck until the time-out. */
export function scenario({ seed, nodes, joining }: ScenarioSize): Scenario {
  const random = seededRandom(seed);
  const tags = ["w_2077_43", "w_2077_42", "r29_0_0", "d_2077_10_23", "d_2077_10_22", "d_2077_10_21"];
  const images = tags.map((tag, at) => ({
    tag,
    digest: `sha256:${String(at).repeat(64)}`,
    sizeBytes: Math.round((4 + 11 * random()) * GIGABYTE),
  }));
  const names = Array.from({ length: nodes }, (_, at) => nodeName(at));
  const stuck = new Set(shuffled(names, random).slice(0, Math.max(1, Math.round(nodes * 0.02))));
  return {
    seed,
    nodes,
    joining,
    joinEvery: MINUTE,
    images,
    nodeBandwidth: NODE_BANDWIDTH,
    registryBandwidth: (NODE_BANDWIDTH * SATURATED_AT * nodes) / 200,
    stuck,
    stuckPulls: 1,
    pullTimeout: PULL_TIMEOUT,
  };
}

/** The name of the node with this number. */
export function nodeName(at: number): string {
  return `node-${String(at).padStart(4, "0")}`;
}

/** Uniform numbers in [0, 1) that follow from the seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function shuffled<T>(items: readonly T[], random: () => number): readonly T[] {
  return items
    .map((item) => ({ item, lot: random() }))
    .sort((a, b) => a.lot - b.lot)
    .map(({ item }) => item);
}
