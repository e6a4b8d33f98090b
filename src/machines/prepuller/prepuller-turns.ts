import { leastRefused, type PodRefusal, refusalTrying, turnsUnder } from "../../domain/prepull/pod-refusal.ts";
import type { PullCandidate } from "../../domain/prepull/policy.ts";
import { choosePulls } from "../../domain/prepull/prepull-queue.ts";
import { isRetry, nextTask, type PrepullTask } from "../../domain/prepull/prepull-tasks.ts";
import type { NodeRef } from "./node-group.ts";
import type { NodeActor, PrepullerContext } from "./prepuller-state.ts";

/** A turn: this node may pull this image. */
export interface Turn {
  readonly actor: NodeActor;
  readonly digest: string;
}

/** Which images are looked at: those of the set, or all but those. The same set while nothing differs. */
interface Choice {
  readonly digests: ReadonlySet<string>;
  readonly isIn: boolean;
}

const NONE: ReadonlySet<string> = new Set();
const ANY: Choice = { digests: NONE, isIn: false };

/** The pulls that may start now, on nodes that wait for their turn; none while some do not know their work yet. */
export function turnsToGive(context: PrepullerContext): readonly Turn[] {
  const { unsynced, settings, running, refusal, now } = context;
  if (settings.mode === "outside" || unsynced.length > 0) return [];
  const free = settings.maxConcurrentPulls - running.size;
  if (free <= 0) return [];
  if (refusal === null) return chooseTurns(context, free, ANY);
  const time = now().monotonic;
  const turns = turnsUnder(refusal, free, running, time);
  if (turns <= 0) return [];
  const { digests, isWide, last, until } = refusal;
  if (isWide) {
    const due = leastRefused(refusal, dueDigests(context, time));
    return chooseTurns(context, 1, { digests: due, isIn: true });
  }
  const isDue = digests.size > 0 && time >= until;
  // Once others are accepted, one that was refused is not kept waiting by them.
  const trial = isDue && last === null ? chooseTurns(context, 1, { digests, isIn: true }) : [];
  const tried = trial[0]?.actor.uid;
  const chosen = chooseTurns(context, turns - trial.length, { digests, isIn: false }, tried);
  if (isDue && last !== null && chosen.length === 0) return chooseTurns(context, 1, { digests, isIn: true });
  return [...trial, ...chosen];
}

function chooseTurns({ actors, running, granted, now }: PrepullerContext, most: number, choice: Choice, tried = "") {
  if (most <= 0) return [];
  const time = now().monotonic;
  const found: PullCandidate[] = [];
  for (const actor of actors.values()) {
    if (running.has(actor.uid) || actor.uid === tried) continue;
    const place = placeOf(actor, time, choice);
    if (place !== null) found.push(place.candidate);
  }
  const chosen = choosePulls(found, most, granted);
  const order = new Set(chosen.map(({ uid }) => uid));
  const turns = new Map<string, Turn>();
  for (const actor of actors.values()) {
    const place = order.has(actor.uid) ? placeOf(actor, time, choice) : null;
    if (place !== null) turns.set(actor.uid, { actor, digest: place.digest });
  }
  return chosen.flatMap(({ uid }) => turns.get(uid) ?? []);
}

/** Digests of all images that could be pulled now. */
function dueDigests({ actors, running }: PrepullerContext, now: number): ReadonlySet<string> {
  const due = new Set<string>();
  for (const { uid, ref } of actors.values()) {
    const snapshot = ref.getSnapshot();
    if (running.has(uid) || !snapshot.matches("waiting")) continue;
    for (const task of snapshot.context.tasks) if (nextTask([task], now) !== null) due.add(task.digest);
  }
  return due;
}

/** A node's place in the queue, with the image that it would pull. */
interface Place {
  readonly candidate: PullCandidate;
  readonly digest: string;
}

/** Until when a place is that: then a task falls due that may be more urgent. */
interface KnownPlace extends Choice {
  readonly place: Place | null;
  /** Monotonic milliseconds. */
  readonly until: number;
}

/** What was found for a node's snapshot, which never changes: so that a turn costs little with thousands of nodes. */
const places = new WeakMap<ReturnType<NodeRef["getSnapshot"]>, KnownPlace>();

function placeOf(actor: NodeActor, now: number, { digests, isIn }: Choice): Place | null {
  const snapshot = actor.ref.getSnapshot();
  const known = places.get(snapshot);
  if (known !== undefined && now < known.until && known.digests === digests && known.isIn === isIn) return known.place;
  const isWaiting = snapshot.matches("waiting");
  const { tasks, turns, since, lot } = snapshot.context;
  const looked = isWaiting ? tasks.filter(({ digest }) => digests.has(digest) === isIn) : [];
  const dueTimes = looked.flatMap(({ dueAt }) => (dueAt !== null && dueAt > now ? dueAt : []));
  const task = nextTask(looked, now);
  const place =
    task === null
      ? null
      : placeFor(actor, task, { turns, waitingSince: since ?? now, tieBreaker: lot, rank: tasks.indexOf(task) });
  places.set(snapshot, { place, digests, isIn, until: Math.min(...dueTimes, Number.POSITIVE_INFINITY) });
  return place;
}

function placeFor(
  { uid, bareSince }: NodeActor,
  task: PrepullTask,
  rest: Pick<PullCandidate, "turns" | "waitingSince" | "tieBreaker" | "rank">,
): Place {
  const { isRecommended: isFirst, digest } = task;
  const what = { uid, digest, sizeBytes: null, isRetry: isRetry(task), isFirst, joinedEmptyAt: bareSince };
  return { digest, candidate: { ...what, ...rest } };
}

/** The running turns with those that were just given. */
export function withTurns({ running, granted, refusal, now }: PrepullerContext, turns: readonly Turn[]) {
  const next = new Set(running);
  for (const { actor } of turns) next.add(actor.uid);
  return { running: next, granted: granted + turns.length, refusal: tried(refusal, turns, running, now().monotonic) };
}

function tried(refusal: PodRefusal | null, turns: readonly Turn[], running: ReadonlySet<string>, now: number) {
  if (refusal === null) return null;
  const pods = turns.map(({ actor, digest }) => ({ uid: actor.uid, digest }));
  return refusalTrying(refusal, pods, running, now);
}
