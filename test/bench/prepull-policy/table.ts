import { type Arrivals, arrivalsOf } from "./arrivals.ts";
import { boundsOf } from "./bounds.ts";
import { startEarlierPolicy } from "./earlier-policy.ts";
import { type Lines, linesOf } from "./figures.ts";
import { startOriginalPolicy } from "./original-policy.ts";
import { startRulesPolicy } from "./rules-policy.ts";
import { type Scenario, type ScenarioSize, scenario } from "./scenario.ts";
import { startService } from "./service-run.ts";
import { type VirtualClock, virtualClock } from "./virtual-clock.ts";
import { createWire, type Wire } from "./wire.ts";

/** Medians over the seeds. */
export interface PolicyTable {
  readonly original: Lines;
  readonly earlier: Lines;
  readonly rules: Lines;
  readonly bounds: Lines;
  /** How many times as fast as the original, seed by seed. */
  readonly earlierToOriginal: Lines;
  readonly rulesToOriginal: Lines;
  /** How many times as long as the bound, seed by seed. */
  readonly rulesToBound: Lines;
  /** The most pulls on the wire at one time. */
  readonly mostOnWire: { readonly original: number; readonly earlier: number; readonly rules: number };
}

const MAX_RUN_MS = 48 * 3_600_000;

/** The seeds of the published tables. */
export const SEEDS: readonly number[] = Array.from({ length: 20 }, (_, at) => 2077 + at);

/** Runs all policies in virtual time, once a seed: the same seeds give the same figures. */
export function policyTable(size: ScenarioSize, seeds: readonly number[] = SEEDS): PolicyTable {
  const runs = seeds.map((seed) => runAll(scenario(size, seed)));
  const ratios = (of: (run: AllRuns) => readonly [Lines, Lines]) =>
    mediansOf(
      runs.map((run) => {
        const [over, under] = of(run);
        return linesFrom((key) => over[key] / under[key]);
      }),
    );
  const most = (of: (run: AllRuns) => number) => Math.max(...runs.map(of));
  return {
    original: mediansOf(runs.map(({ original }) => original)),
    earlier: mediansOf(runs.map(({ earlier }) => earlier)),
    rules: mediansOf(runs.map(({ rules }) => rules)),
    bounds: mediansOf(runs.map(({ bounds }) => bounds)),
    earlierToOriginal: ratios(({ original, earlier }) => [original, earlier]),
    rulesToOriginal: ratios(({ original, rules }) => [original, rules]),
    rulesToBound: ratios(({ rules, bounds }) => [rules, bounds]),
    mostOnWire: {
      original: most(({ mostOnWire }) => mostOnWire.original),
      earlier: most(({ mostOnWire }) => mostOnWire.earlier),
      rules: most(({ mostOnWire }) => mostOnWire.rules),
    },
  };
}

type AllRuns = ReturnType<typeof runAll>;

function runAll(cluster: Scenario) {
  let joinedDuringRound: ReadonlySet<string> = new Set();
  const original = run(cluster, (clock, wire, arrivals) => {
    const policy = startOriginalPolicy(cluster, clock, wire, arrivals);
    joinedDuringRound = policy.joinedDuringRound;
    return policy;
  });
  const earlier = run(cluster, (clock, wire, arrivals) => startEarlierPolicy(cluster, clock, wire, arrivals));
  const rules = run(cluster, (clock, wire, arrivals) => startRulesPolicy(cluster, clock, wire, arrivals));
  return {
    original: linesOf(cluster, original.waits, joinedDuringRound),
    earlier: linesOf(cluster, earlier.waits, joinedDuringRound),
    rules: linesOf(cluster, rules.waits, joinedDuringRound),
    bounds: boundsOf(cluster, joinedDuringRound),
    mostOnWire: { original: original.mostOnWire, earlier: earlier.mostOnWire, rules: rules.mostOnWire },
  };
}

/** A policy at work: it learns of nodes that come. */
type Start = (clock: VirtualClock, wire: Wire, arrivals: Arrivals) => { joined(node: string): void };

function run(cluster: Scenario, start: Start) {
  const clock = virtualClock();
  const arrivals = arrivalsOf(cluster, clock, (node) => policy.joined(node));
  const wire = createWire(cluster, clock, arrivals);
  const policy = start(clock, wire, arrivals);
  clock.runSync(MAX_RUN_MS, () => arrivals.isComplete());
  if (!arrivals.isComplete()) throw new Error("a policy has not brought every image everywhere");
  return { waits: arrivals.waits, mostOnWire: wire.mostInProgress };
}

/** The rules alone; all nodes that join are counted. Medians over the seeds. */
export function rulesLines(size: ScenarioSize, seeds: readonly number[]): Lines {
  return mediansOf(
    seeds.map((seed) => {
      const cluster = scenario(size, seed);
      const { waits } = run(cluster, (clock, wire, arrivals) => startRulesPolicy(cluster, clock, wire, arrivals));
      return linesOf(cluster, waits, new Set(waits.flatMap(({ joined, node }) => (joined ? node : []))));
    }),
  );
}

/**
 * The service itself in the same cluster, with its real machines, queue and backoff: it gives way by the machine's own clock,
 * so it takes a thousand times as long as its policy alone.
 */
export async function serviceLines(size: ScenarioSize, seed: number): Promise<Lines> {
  const cluster = scenario(size, seed);
  const clock = virtualClock();
  const arrivals = arrivalsOf(cluster, clock, (node) => service.joined(node));
  const wire = createWire(cluster, clock, arrivals);
  const service = startService(cluster, clock, wire, arrivals);
  await clock.run(MAX_RUN_MS, () => arrivals.isComplete(), service.isRefreshing);
  service.stop();
  if (!arrivals.isComplete()) throw new Error("the service has not brought every image everywhere");
  return linesOf(cluster, arrivals.waits, new Set());
}

function linesFrom(lineOf: (key: keyof Lines) => number): Lines {
  return {
    mean: lineOf("mean"),
    median: lineOf("median"),
    recommendedOnFirst: lineOf("recommendedOnFirst"),
    recommendedEverywhere: lineOf("recommendedEverywhere"),
    last: lineOf("last"),
    joinersP99: lineOf("joinersP99"),
  };
}

/** The lower of the two middle values is the median, so that it is one that has occurred. */
function mediansOf(runs: readonly Lines[]): Lines {
  return linesFrom(
    (key) => runs.map((lines) => lines[key]).sort((a, b) => a - b)[(runs.length - 1) >> 1] ?? Number.NaN,
  );
}
