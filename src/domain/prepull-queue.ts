/** A node that has an image to pull now and waits for its turn. */
export interface PullCandidate {
  readonly uid: string;
  /** Whether its image has failed there before, so that new work goes first. */
  readonly isRetry: boolean;
  /** Whether its image is the recommended one. */
  readonly isRecommended: boolean;
  /** When the node came with next to nothing, monotonic milliseconds; 0 where it had most of the images. */
  readonly bareSince: number;
  /** How many pulls the node has had since it has had work. */
  readonly turns: number;
  /** Since when it waits, monotonic milliseconds. */
  readonly since: number;
  /** Uniform in [0, 1): decides among equals, so that nodes are not always taken in the order of their names. */
  readonly lot: number;
}

/** Nodes that come within the same minute are taken as equals, milliseconds. */
const MOMENT = 60_000;
/** One turn in so many goes to whoever has waited longest, so that nobody waits for ever. */
export const PATIENCE = 8;

/**
 * Who may pull next, at most `free` nodes (behaviour.md section 8): new work before retries, the recommended image
 * before the others, then the node that came bare last, because nothing can be started on it without waiting; then the
 * node that has had fewer turns, then who has waited longer. `granted` counts the turns given so far: each
 * PATIENCE-th goes to the one that has waited longest, whatever it waits for.
 */
export function choosePulls(candidates: Iterable<PullCandidate>, free: number, granted: number): readonly string[] {
  if (free <= 0) return [];
  const left = new Set(candidates);
  const chosen: string[] = [];
  while (chosen.length < free && left.size > 0) {
    const isPatient = (granted + chosen.length + 1) % PATIENCE === 0;
    const next = firstOf(left, isPatient ? byPatience : byUrgency);
    if (next === null) break;
    left.delete(next);
    chosen.push(next.uid);
  }
  return chosen;
}

type Order = (a: PullCandidate, b: PullCandidate) => number;

const byPatience: Order = (a, b) => a.since - b.since || a.lot - b.lot;

const byUrgency: Order = (a, b) =>
  Number(a.isRetry) - Number(b.isRetry) ||
  Math.floor(b.bareSince / MOMENT) - Math.floor(a.bareSince / MOMENT) ||
  Number(b.isRecommended) - Number(a.isRecommended) ||
  a.turns - b.turns ||
  byPatience(a, b);

function firstOf(candidates: Iterable<PullCandidate>, order: Order): PullCandidate | null {
  let first: PullCandidate | null = null;
  for (const candidate of candidates) if (first === null || order(candidate, first) < 0) first = candidate;
  return first;
}

/** A turn that was given and has not come to its end. */
export interface RunningPull {
  readonly uid: string;
  /** Turns are numbered in the order in which they were given. */
  readonly number: number;
  /** How many pulls that started later have come to a good end meanwhile. */
  readonly overtaken: number;
}

/**
 * How many more pulls may start. A pull that twice as many others as fit have overtaken hangs: it loads no registry, and
 * must not keep other nodes waiting until its time-out. Its turn is given once more, for at most half as many pulls as
 * the cap allows: so never more than one and a half times `most` run, whatever hangs.
 */
export function freeTurns(running: Iterable<RunningPull>, most: number): number {
  let counted = 0;
  let hanging = 0;
  for (const { overtaken } of running) {
    if (overtaken >= 2 * most) hanging += 1;
    else counted += 1;
  }
  return most - counted - Math.max(0, hanging - Math.ceil(most / 2));
}

/** The running pulls after the one of `uid` has come to a good end: those that started earlier have been overtaken. */
export function overtake(running: ReadonlyMap<string, RunningPull>, uid: string): ReadonlyMap<string, RunningPull> {
  const done = running.get(uid);
  const next = new Map<string, RunningPull>();
  for (const [other, pull] of running) {
    if (other === uid) continue;
    const isOvertaken = done !== undefined && pull.number < done.number;
    next.set(other, isOvertaken ? { ...pull, overtaken: pull.overtaken + 1 } : pull);
  }
  return next;
}
