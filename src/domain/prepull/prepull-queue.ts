import type { PullCandidate } from "./policy.ts";

/** Nodes that come within the same minute are taken as equals, milliseconds. */
const MOMENT = 60_000;
/** One turn in so many goes to whoever has waited longest, so that nobody waits for ever. */
export const STARVATION_INTERVAL = 8;
/** One turn in so many may go to a new node's other images while the recommended one is wanted elsewhere. */
const NEW_NODES_SHARE = 2;

/**
 * Who may pull next, at most `free` nodes (docs/spec/prepuller.md). New work goes before retries, always. Then two things
 * are urgent: the recommended image, which most people start, on every node; and all images on a node that came bare, on
 * which nothing can be started without waiting. They take turns, so that neither many new nodes at once nor a new
 * recommended image keeps the other waiting; each begins with the recommended image on the nodes that came last. Then
 * the node goes first that has had fewer turns, then who has waited longer. `granted` counts the turns given so far: each
 * STARVATION_INTERVAL-th goes to the one that has waited longest, whatever it waits for.
 */
export function choosePulls(
  candidates: Iterable<PullCandidate>,
  free: number,
  granted: number,
): readonly PullCandidate[] {
  if (free <= 0) return [];
  const left = new Set(candidates);
  const chosen: PullCandidate[] = [];
  while (chosen.length < free && left.size > 0) {
    const next = firstOf(left, orderOfTurn(granted + chosen.length + 1));
    if (next === null) break;
    left.delete(next);
    chosen.push(next);
  }
  return chosen;
}

type Order = (a: PullCandidate, b: PullCandidate) => number;

const byPatience: Order = (a, b) => a.waitingSince - b.waitingSince || a.tieBreaker - b.tieBreaker;
const byFreshness: Order = (a, b) => Number(a.isRetry) - Number(b.isRetry);
const byRecommendation: Order = (a, b) => Number(b.isFirst) - Number(a.isFirst);
const byBareness: Order = (a, b) => Math.floor(b.joinedEmptyAt / MOMENT) - Math.floor(a.joinedEmptyAt / MOMENT);
const byFairness: Order = (a, b) => a.turns - b.turns || byPatience(a, b);

const recommendedFirst: Order = (a, b) =>
  byFreshness(a, b) || byRecommendation(a, b) || byBareness(a, b) || byFairness(a, b);

const newNodesFirst: Order = (a, b) =>
  byFreshness(a, b) || byBareness(a, b) || byRecommendation(a, b) || byFairness(a, b);

function orderOfTurn(turn: number): Order {
  if (turn % STARVATION_INTERVAL === 0) return byPatience;
  return turn % NEW_NODES_SHARE === 0 ? newNodesFirst : recommendedFirst;
}

function firstOf(candidates: Iterable<PullCandidate>, order: Order): PullCandidate | null {
  let first: PullCandidate | null = null;
  for (const candidate of candidates) if (first === null || order(candidate, first) < 0) first = candidate;
  return first;
}
