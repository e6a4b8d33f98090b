import { createPolicy } from "../../../src/domain/prepull/adaptive-policy.ts";
import type { PullCandidate, PullEnd, PullKey, PullPolicy, PullStart } from "../../../src/domain/prepull/policy.ts";
import { PULL_BACKOFF } from "../../../src/domain/prepull/prepull-backoff.ts";
import type { Clock } from "../../../src/ports.ts";
import type { Arrivals } from "./arrivals.ts";
import { type Scenario, seededRandom } from "./scenario.ts";
import type { Wire, WireEnd } from "./wire.ts";

/** The rules at work. */
export interface RulesRun {
  joined(node: string): void;
  readonly policy: PullPolicy;
}

interface Pair {
  failures: number;
  isRetry: boolean;
  dueAt: number;
}

interface Worker {
  readonly uid: string;
  readonly joinedEmptyAt: number;
  readonly tieBreaker: number;
  readonly pairs: Map<string, Pair>;
  turns: number;
  waitingSince: number;
  isBusy: boolean;
}

/** How long a pull that was given up keeps its node at most: the default of `stuckPullTimeout`. */
const STUCK_PULL_TIMEOUT_MS = 15 * 60_000;
const ENDS: Readonly<Record<WireEnd, PullEnd>> = {
  arrived: { kind: "succeeded" },
  hung: { kind: "failed", failureClass: "network" },
  registry: { kind: "failed", failureClass: "registry-unavailable" },
};

/** Drives the service's own policy: each decision is its, and only what happens to the pulls is simulated. */
export function startRulesPolicy(
  scenario: Scenario,
  clock: Clock,
  wire: Wire,
  arrivals: Arrivals,
  isAdaptive = true,
): RulesRun {
  const random = seededRandom(scenario.seed + 1);
  const workers = new Map<string, Worker>();
  const images = new Map(scenario.images.map((image, rank) => [image.digest, { image, rank }]));
  const { pullTimeout, maxPulls } = scenario;
  const now = () => clock.monotonicTime();
  let policy = createPolicy({ maxConcurrentPulls: maxPulls, isAdaptive, pullTimeout, backoff: PULL_BACKOFF });
  let cancelReview = (): void => undefined;

  function join(node: string): void {
    const pairs = new Map(scenario.images.map(({ digest }) => [digest, { failures: 0, isRetry: false, dueAt: 0 }]));
    const rest = { turns: 0, waitingSince: now(), isBusy: false };
    workers.set(node, { uid: node, joinedEmptyAt: now(), tieBreaker: random(), pairs, ...rest });
  }

  function candidateOf(worker: Worker): PullCandidate | null {
    if (worker.isBusy) return null;
    const due = arrivals.missing(worker.uid).flatMap(({ digest }) => {
      const pair = worker.pairs.get(digest);
      return pair === undefined || pair.dueAt > now() ? [] : [{ digest, isRetry: pair.isRetry }];
    });
    const first = due.find(({ isRetry }) => !isRetry) ?? due[0];
    const known = first && images.get(first.digest);
    if (first === undefined || known === undefined) return null;
    const { uid, joinedEmptyAt, turns, waitingSince, tieBreaker } = worker;
    const { rank, image } = known;
    const place = { joinedEmptyAt, turns, waitingSince, tieBreaker, rank };
    return { uid, ...first, sizeBytes: image.statedBytes, isFirst: rank === 0, ...place };
  }

  function decide(): void {
    const candidates = [...workers.values()].flatMap((worker) => candidateOf(worker) ?? []);
    if (candidates.length > 0) {
      for (const start of policy.next(candidates, Number.POSITIVE_INFINITY, now())) begin(start);
    }
    review();
  }

  function begin(start: PullStart): void {
    const { uid, digest } = start.candidate;
    const worker = workers.get(uid);
    const image = images.get(digest)?.image;
    if (worker === undefined || image === undefined) throw new Error(`${uid} ${digest} is not known`);
    policy = policy.started(start, now());
    worker.isBusy = true;
    worker.turns += 1;
    const key = { uid, digest };
    let isOver = false;
    const end = (how: PullEnd) => {
      if (isOver) return;
      isOver = true;
      policy = policy.ended(key, how, now());
      worker.isBusy = false;
      worker.waitingSince = now();
      if (how.kind === "failed") fail(worker, key, how);
      decide();
    };
    ends.set(`${uid} ${digest}`, end);
    wire.pull(uid, image, (how) => end(ENDS[how]));
  }

  const ends = new Map<string, (how: PullEnd) => void>();

  function fail(worker: Worker, key: PullKey, { failureClass }: PullEnd & { readonly kind: "failed" }): void {
    const pair = worker.pairs.get(key.digest);
    if (pair === undefined) return;
    pair.failures += 1;
    const { waitMs, isRetry } = policy.retry(key, failureClass, pair.failures, random());
    pair.isRetry = isRetry;
    pair.dueAt = now() + waitMs;
    clock.schedule(waitMs, decide);
  }

  function review(): void {
    cancelReview();
    const { policy: next, overdue, nextAt } = policy.review(now());
    const freed = next.slotsInUse < policy.slotsInUse;
    policy = next;
    for (const key of overdue) {
      policy = policy.givenUp(key, now());
      const end = ends.get(`${key.uid} ${key.digest}`);
      clock.schedule(STUCK_PULL_TIMEOUT_MS, () => end?.({ kind: "failed", failureClass: "timeout" }));
    }
    if (nextAt !== null) cancelReview = clock.schedule(nextAt - now(), review);
    if (freed || overdue.length > 0) clock.schedule(0, decide);
  }

  for (const node of arrivals.nodes()) join(node);
  clock.schedule(0, decide);
  return {
    joined(node) {
      join(node);
      decide();
    },
    get policy() {
      return policy;
    },
  };
}
