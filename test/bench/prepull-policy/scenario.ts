/** One simulated cluster, the same for all policies. Bandwidths are in bytes a second, times in milliseconds. */
export interface Scenario {
  readonly seed: number;
  /** Nodes that are there from the start. */
  readonly nodes: number;
  /** How many join later, one every `joinEvery`. */
  readonly joining: number;
  readonly joinEvery: number;
  /** The recommended one is the first. */
  readonly images: readonly SimulatedImage[];
  readonly nodeBandwidth: number;
  bandwidthOf(node: string): number;
  /** What the registry can give to all. */
  readonly registryBandwidth: number;
  /** Names of the nodes whose first pull hangs; what is pulled to them afterwards is well. */
  readonly stuck: ReadonlySet<string>;
  readonly hangMs: number;
  /** While the registry fails whatever is asked of it; what is under way when that begins breaks. */
  readonly outage: { readonly from: number; readonly until: number } | null;
  /** How long a policy waits for one pull. */
  readonly pullTimeout: number;
  /** How many pulls today's policy may have in progress. */
  readonly mostPulls: number;
  /** How many the rules may have, whatever they observe; and how many where `isAdaptive` is false. */
  readonly maxPulls: number;
}

/** One image of the prepull set. */
export interface SimulatedImage {
  readonly tag: string;
  readonly digest: string;
  readonly sizeBytes: number;
  /** What the registry says of its size. */
  readonly statedBytes: number;
}

/** What of a scenario may be chosen. */
export interface ScenarioSize {
  readonly nodes: number;
  readonly joining: number;
  readonly joinsPerMinute: number;
  readonly gigabits: number;
  /** Pulls at the full bandwidth of their nodes that are all that the registry can give. */
  readonly capacity: number;
  /** The part of all nodes, of those that join later too, that are stuck. */
  readonly stuckPart: number;
  readonly hangMinutes: number;
  readonly timeoutMinutes: number;
  /** See Scenario. */
  readonly mostPulls: number;
  readonly maxPulls: number;
  /** By how much stated sizes are wrong: `mixed` times or divided by four, image by image. */
  readonly sizes: "right" | "mixed" | "four times" | "a quarter";
  /** The part of the nodes that have a quarter of the bandwidth. */
  readonly slowPart: number;
  /** When an outage of three minutes begins. */
  readonly outageAtMinute: number | null;
}

/**
 * Row 11 of docs/performance.md. The time-out is the default of both services. The bandwidth is the least of the customary
 * 1, 2.5 and 10 Gbit/s with which the original can pull the largest image inside that time-out: 15 GB in 8 minutes, when
 * 200 nodes share what is enough for 20.
 */
export const ROW_11: ScenarioSize = {
  nodes: 200,
  joining: 60,
  joinsPerMinute: 1,
  gigabits: 2.5,
  capacity: 20,
  stuckPart: 0.02,
  hangMinutes: 10,
  timeoutMinutes: 10,
  mostPulls: 20,
  maxPulls: 100,
  sizes: "right",
  slowPart: 0,
  outageAtMinute: null,
};

const GIGABYTE = 1e9;
const MINUTE = 60_000;
const OUTAGE_MINUTES = 3;
const SLOWNESS = 4;
const WRONG_BY = 4;

/** Six images of 4 to 15 GB in a cluster that follows from the seed. */
export function scenario(size: ScenarioSize, seed: number): Scenario {
  const { nodes, joining, joinsPerMinute, gigabits, capacity, stuckPart, slowPart, outageAtMinute } = size;
  const random = seededRandom(seed);
  const tags = ["w_2077_43", "w_2077_42", "r29_0_0", "d_2077_10_23", "d_2077_10_22", "d_2077_10_21"];
  const plain = tags.map((tag, at) => ({
    tag,
    digest: `sha256:${String(at).repeat(64)}`,
    sizeBytes: Math.round((4 + 11 * random()) * GIGABYTE),
  }));
  const names = Array.from({ length: nodes + joining }, (_, at) => nodeName(at));
  const stuckCount = stuckPart === 0 ? 0 : Math.max(1, Math.round(names.length * stuckPart));
  const stuck = shuffled(names, random).slice(0, stuckCount);
  const slow = new Set(shuffled(names, random).slice(0, Math.round(names.length * slowPart)));
  const nodeBandwidth = (gigabits * 1e9) / 8;
  return {
    seed,
    nodes,
    joining,
    joinEvery: joinsPerMinute === 0 ? 0 : MINUTE / joinsPerMinute,
    images: plain.map((image) => ({ ...image, statedBytes: statedBytes(image.sizeBytes, size, random) })),
    nodeBandwidth,
    bandwidthOf: (node) => (slow.has(node) ? nodeBandwidth / SLOWNESS : nodeBandwidth),
    registryBandwidth: nodeBandwidth * capacity,
    stuck: new Set(stuck),
    hangMs: size.hangMinutes * MINUTE,
    outage:
      outageAtMinute === null
        ? null
        : { from: outageAtMinute * MINUTE, until: (outageAtMinute + OUTAGE_MINUTES) * MINUTE },
    pullTimeout: size.timeoutMinutes * MINUTE,
    mostPulls: size.mostPulls,
    maxPulls: size.maxPulls,
  };
}

function statedBytes(sizeBytes: number, { sizes }: ScenarioSize, random: () => number): number {
  const isMore = sizes === "mixed" ? random() < 0.5 : sizes === "four times";
  return sizes === "right" ? sizeBytes : isMore ? sizeBytes * WRONG_BY : sizeBytes / WRONG_BY;
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
