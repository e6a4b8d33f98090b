import type { PullCandidate } from "./policy.ts";

/** Nodes that come within the same minute are taken as equals. */
const SAME_MOMENT_MS = 60_000;
/** One turn in this number goes to whoever has waited longest, so that nobody waits for ever. */
export const STARVATION_INTERVAL = 8;

/**
 * Which pulls start next, at most `free` (docs/spec/prepuller.md): new work before retries; the recommended image, which most
 * people start, on whatever node; then the nodes that came empty, the latest first, since nothing starts there without
 * waiting; then the order of the set, so that an image is everywhere before the next one begins; then the node that has
 * had fewer turns, and who has waited longer. `granted` counts the turns given so far: each STARVATION_INTERVAL-th goes to
 * the one that has waited longest, whatever it waits for.
 */
export function choosePulls(
  candidates: Iterable<PullCandidate>,
  free: number,
  granted: number,
): readonly PullCandidate[] {
  if (free <= 0) return [];
  const all = [...candidates];
  const count = Math.min(free, all.length);
  const turnsUntilPatient = STARVATION_INTERVAL - (granted % STARVATION_INTERVAL);
  const urgent = firstOf(all, byUrgency, count);
  const patient = count < turnsUntilPatient ? [] : firstOf(all, byPatience, count);
  const chosen = new Set<PullCandidate>();
  while (chosen.size < count) {
    const isPatient = (granted + chosen.size + 1) % STARVATION_INTERVAL === 0;
    const next = (isPatient ? patient : urgent).find((candidate) => !chosen.has(candidate));
    if (next === undefined) break;
    chosen.add(next);
  }
  return [...chosen];
}

type Order = (a: PullCandidate, b: PullCandidate) => number;

const byPatience: Order = (a, b) => a.waitingSince - b.waitingSince || a.tieBreaker - b.tieBreaker;
const minuteOf = ({ joinedEmptyAt }: PullCandidate) => Math.floor(joinedEmptyAt / SAME_MOMENT_MS);

const byUrgency: Order = (a, b) =>
  Number(a.isRetry) - Number(b.isRetry) ||
  Number(b.isFirst) - Number(a.isFirst) ||
  minuteOf(b) - minuteOf(a) ||
  a.rank - b.rank ||
  a.turns - b.turns ||
  byPatience(a, b);

/** The first `count` in this order, in one pass: most turns are given one at a time, among thousands. */
function firstOf(candidates: readonly PullCandidate[], order: Order, count: number): readonly PullCandidate[] {
  const first: PullCandidate[] = [];
  for (const candidate of candidates) {
    const last = first[count - 1];
    if (last !== undefined && order(candidate, last) >= 0) continue;
    first.splice(placeOf(first, candidate, order), 0, candidate);
    if (first.length > count) first.pop();
  }
  return first;
}

function placeOf(sorted: readonly PullCandidate[], candidate: PullCandidate, order: Order): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const at = sorted[middle];
    if (at !== undefined && order(at, candidate) <= 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
