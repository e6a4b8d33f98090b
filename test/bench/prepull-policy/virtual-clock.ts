import type { Clock } from "../../../src/ports.ts";

/** A clock that jumps from one callback to the next: hours pass in milliseconds. */
export interface VirtualClock extends Clock {
  /**
   * Runs what falls due, in order, with all promise jobs after each, until `isDone` or nothing is left or time is up. No
   * time passes while `isBusy`: work that gives way to others by the machine's own clock takes none here.
   */
  run(untilMs: number, isDone: () => boolean, isBusy?: () => boolean): Promise<void>;
  /** The same where nothing waits for promises: a thousand times as fast. */
  runSync(untilMs: number, isDone: () => boolean): void;
}

interface Scheduled {
  readonly at: number;
  readonly number: number;
  readonly callback: () => void;
  cancelled: boolean;
}

/** Starts at monotonic zero. Callbacks of one moment run in the order in which they were scheduled. */
export function virtualClock(): VirtualClock {
  const heap: Scheduled[] = [];
  let now = 0;
  let lastNumber = 0;

  return {
    wallTime: () => Date.UTC(2077, 9, 23) + now,
    monotonicTime: () => now,
    schedule(milliseconds, callback) {
      lastNumber += 1;
      const entry = { at: now + Math.max(0, milliseconds), number: lastNumber, callback, cancelled: false };
      push(heap, entry);
      return () => {
        entry.cancelled = true;
      };
    },
    async run(untilMs, isDone, isBusy = () => false) {
      await promiseJobs(isBusy);
      for (let next = pop(heap); next !== undefined && next.at <= untilMs && !isDone(); next = pop(heap)) {
        if (next.cancelled) continue;
        now = next.at;
        next.callback();
        await promiseJobs(isBusy);
      }
    },
    runSync(untilMs, isDone) {
      for (let next = pop(heap); next !== undefined && next.at <= untilMs && !isDone(); next = pop(heap)) {
        if (next.cancelled) continue;
        now = next.at;
        next.callback();
      }
    },
  };
}

async function promiseJobs(isBusy: () => boolean): Promise<void> {
  do await new Promise((resolve) => setImmediate(resolve));
  while (isBusy());
}

function isBefore(a: Scheduled, b: Scheduled): boolean {
  return a.at < b.at || (a.at === b.at && a.number < b.number);
}

function push(heap: Scheduled[], entry: Scheduled): void {
  let at = heap.push(entry) - 1;
  while (at > 0) {
    const above = (at - 1) >> 1;
    const parent = heap[above];
    if (parent === undefined || !isBefore(entry, parent)) break;
    heap[at] = parent;
    at = above;
  }
  heap[at] = entry;
}

function pop(heap: Scheduled[]): Scheduled | undefined {
  const first = heap[0];
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return first;
  let at = 0;
  for (;;) {
    const below = smaller(heap, 2 * at + 1, 2 * at + 2);
    const child = heap[below];
    if (child === undefined || !isBefore(child, last)) break;
    heap[at] = child;
    at = below;
  }
  heap[at] = last;
  return first;
}

function smaller(heap: readonly Scheduled[], left: number, right: number): number {
  const a = heap[left];
  const b = heap[right];
  return a !== undefined && b !== undefined && isBefore(b, a) ? right : left;
}
