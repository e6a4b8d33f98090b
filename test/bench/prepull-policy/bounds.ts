import { type Lines, percentile } from "./figures.ts";
import { nodeName, type Scenario } from "./scenario.ts";

/** What no policy can be faster than, line by line; and how it follows. */
export const BOUNDS: Readonly<Record<keyof Lines, string>> = {
  mean: "one server with the registry's bandwidth, in the order of the set; or each node at its own bandwidth",
  median: "the same",
  recommendedOnFirst: "their bytes over the registry's bandwidth; or one image at the node's",
  recommendedEverywhere: "the same; nodes that join have it at their own bandwidth",
  last: "all bytes until then over the registry's bandwidth, where nodes that join are served at once",
  joinersP99: "all their images at the node's bandwidth",
};

/** Bounds for nodes that are not stuck: what is pulled to the others costs nothing here. Milliseconds. */
export function boundsOf(scenario: Scenario, joinedDuringRound: ReadonlySet<string>): Lines {
  const { images, registryBandwidth } = scenario;
  const nodes = nodesOf(scenario);
  const first = nodes.filter(({ joinsAt }) => joinsAt === 0);
  const served = inOrder(scenario, nodes);
  const alone = nodes.map((node) => ({ ...node, waits: aloneOn(scenario, node) }));
  const allAlone = alone.flatMap(({ waits }) => waits);
  const recommended = (images[0]?.sizeBytes ?? 0) / registryBandwidth;
  const recommendedOnFirst = Math.max(
    first.length * recommended * 1_000,
    ...alone.filter(({ joinsAt }) => joinsAt === 0).map(({ waits }) => waits[0] ?? 0),
  );
  return {
    mean: Math.max(meanOf(served), meanOf(allAlone)),
    median: Math.max(percentile(served, 0.5), percentile(allAlone, 0.5)),
    recommendedOnFirst,
    recommendedEverywhere: Math.max(recommendedOnFirst, ...alone.map(({ waits }) => waits[0] ?? 0)),
    last: Math.max(lastServed(scenario, nodes), ...allAlone),
    joinersP99: percentile(
      alone.filter(({ name }) => joinedDuringRound.has(name)).flatMap(({ waits }) => waits),
      0.99,
    ),
  };
}

interface NodeToServe {
  readonly name: string;
  readonly joinsAt: number;
}

function nodesOf({ nodes, joining, joinEvery, stuck }: Scenario): readonly NodeToServe[] {
  return Array.from({ length: nodes + joining }, (_, at) => ({
    name: nodeName(at),
    joinsAt: Math.max(0, at - nodes + 1) * joinEvery,
  })).filter(({ name }) => !stuck.has(name));
}

/** Waits of all pairs where one server has the whole bandwidth and serves the first image of the set that waits. */
function inOrder(scenario: Scenario, nodes: readonly NodeToServe[]): readonly number[] {
  const { images, registryBandwidth } = scenario;
  const queues = images.map(() => [] as NodeToServe[]);
  const coming = [...nodes].sort((a, b) => a.joinsAt - b.joinsAt);
  const waits: number[] = [];
  let now = 0;
  while (waits.length < nodes.length * images.length) {
    while ((coming[0]?.joinsAt ?? Number.POSITIVE_INFINITY) <= now) {
      const node = coming.shift();
      if (node !== undefined) for (const queue of queues) queue.push(node);
    }
    const rank = queues.findIndex((queue) => queue.length > 0);
    const node = queues[rank]?.shift();
    if (node === undefined) {
      now = coming[0]?.joinsAt ?? now;
      continue;
    }
    now = afterOutage(scenario, now, ((images[rank]?.sizeBytes ?? 0) / registryBandwidth) * 1_000);
    waits.push(now - node.joinsAt);
  }
  return waits;
}

/** When something ends that begins now and takes so long without an outage. */
function afterOutage({ outage }: Scenario, now: number, durationMs: number): number {
  const end = now + durationMs;
  if (outage === null || end <= outage.from || now >= outage.until) return end;
  return end + outage.until - Math.max(now, outage.from);
}

/** Waits of a node's images where nothing but its own bandwidth limits it. */
function aloneOn(scenario: Scenario, { name, joinsAt }: NodeToServe): readonly number[] {
  let now = joinsAt;
  return scenario.images.map(({ sizeBytes }) => {
    now = afterOutage(scenario, now, (sizeBytes / scenario.bandwidthOf(name)) * 1_000);
    return now - joinsAt;
  });
}

/** When the first nodes have everything, if those that join before that have it at once. */
function lastServed(scenario: Scenario, nodes: readonly NodeToServe[]): number {
  const setBytes = scenario.images.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const waitOf = (count: number) => afterOutage(scenario, 0, ((count * setBytes) / scenario.registryBandwidth) * 1_000);
  let count = nodes.filter(({ joinsAt }) => joinsAt === 0).length;
  for (const { joinsAt } of nodes) if (joinsAt > 0 && joinsAt < waitOf(count)) count += 1;
  return waitOf(count);
}

function meanOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
}
