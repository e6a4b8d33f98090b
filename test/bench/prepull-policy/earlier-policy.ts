import { PULL_BACKOFF, pullBackoff } from "../../../src/domain/prepull/prepull-backoff.ts";
import type { Clock } from "../../../src/ports.ts";
import type { Arrivals } from "./arrivals.ts";
import { type Scenario, type SimulatedImage, seededRandom } from "./scenario.ts";
import type { Wire } from "./wire.ts";

/** A policy at work: it learns of nodes that come. */
export interface PolicyAtWork {
  joined(node: string): void;
}

interface Pair {
  failures: number;
  dueAt: number;
}

interface Worker {
  readonly node: string;
  readonly joinedEmptyAt: number;
  readonly tieBreaker: number;
  readonly pairs: Map<string, Pair>;
  turns: number;
  waitingSince: number;
  isPulling: boolean;
}

interface Waiting {
  readonly worker: Worker;
  readonly image: SimulatedImage;
  readonly isRetry: boolean;
  readonly isRecommended: boolean;
}

const SAME_MOMENT_MS = 60_000;
const PATIENCE = 8;

/**
 * The policy that the service had before its limit followed throughput, kept to compare with: a fixed number of turns, the
 * recommended image and new nodes in turn, and a pull that hangs keeps its turn until its time-out. Its pod is then deleted,
 * and the node counts as free, though the pull goes on.
 */
export function startEarlierPolicy(scenario: Scenario, clock: Clock, wire: Wire, arrivals: Arrivals): PolicyAtWork {
  const random = seededRandom(scenario.seed + 1);
  const workers = new Map<string, Worker>();
  let running = 0;
  let granted = 0;

  function join(node: string): void {
    const now = clock.monotonicTime();
    const pairs = new Map(scenario.images.map(({ digest }) => [digest, { failures: 0, dueAt: 0 }]));
    const rest = { turns: 0, waitingSince: now, isPulling: false };
    workers.set(node, { node, joinedEmptyAt: now, tieBreaker: random(), pairs, ...rest });
  }

  function waitingOn(worker: Worker): Waiting | null {
    if (worker.isPulling) return null;
    const due = arrivals.missing(worker.node).flatMap((image) => {
      const pair = worker.pairs.get(image.digest);
      const isRecommended = image === scenario.images[0];
      if (pair === undefined || pair.dueAt > clock.monotonicTime()) return [];
      return [{ worker, image, isRecommended, isRetry: pair.failures > (isRecommended ? 1 : 0) }];
    });
    return due.find(({ isRetry }) => !isRetry) ?? due[0] ?? null;
  }

  function decide(): void {
    while (running < scenario.mostPulls) {
      const order = orderOf(granted + 1);
      let first: Waiting | null = null;
      for (const worker of workers.values()) {
        const waiting = waitingOn(worker);
        if (waiting !== null && (first === null || order(waiting, first) < 0)) first = waiting;
      }
      if (first === null) return;
      start(first);
    }
  }

  function start({ worker, image }: Waiting): void {
    running += 1;
    granted += 1;
    worker.turns += 1;
    worker.isPulling = true;
    let isOver = false;
    const end = (hasFailed: boolean) => {
      if (isOver) return;
      isOver = true;
      running -= 1;
      worker.isPulling = false;
      worker.waitingSince = clock.monotonicTime();
      cancelTimeout();
      const pair = worker.pairs.get(image.digest);
      if (hasFailed && pair !== undefined) {
        pair.failures += 1;
        const wait = pullBackoff(PULL_BACKOFF, pair.failures, random());
        pair.dueAt = clock.monotonicTime() + wait;
        clock.schedule(wait, decide);
      }
      decide();
    };
    const cancelTimeout = clock.schedule(scenario.pullTimeout, () => end(true));
    wire.pull(worker.node, image, (how) => end(how !== "arrived"));
  }

  for (const node of arrivals.nodes()) join(node);
  clock.schedule(0, decide);
  return {
    joined(node) {
      join(node);
      decide();
    },
  };
}

function orderOf(turn: number): (a: Waiting, b: Waiting) => number {
  const byPatience = (a: Waiting, b: Waiting) =>
    a.worker.waitingSince - b.worker.waitingSince || a.worker.tieBreaker - b.worker.tieBreaker;
  if (turn % PATIENCE === 0) return byPatience;
  const minute = ({ worker }: Waiting) => Math.floor(worker.joinedEmptyAt / SAME_MOMENT_MS);
  const byNewness = (a: Waiting, b: Waiting) => minute(b) - minute(a);
  const byRecommendation = (a: Waiting, b: Waiting) => Number(b.isRecommended) - Number(a.isRecommended);
  const isNewFirst = turn % 2 === 0;
  return (a, b) =>
    Number(a.isRetry) - Number(b.isRetry) ||
    (isNewFirst ? byNewness(a, b) || byRecommendation(a, b) : byRecommendation(a, b) || byNewness(a, b)) ||
    a.worker.turns - b.worker.turns ||
    byPatience(a, b);
}
