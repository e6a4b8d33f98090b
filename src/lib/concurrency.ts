import { abortable } from "./abort.ts";

/** Limits how much work runs at one time; the rest waits in order. */
export interface Semaphore {
  /** Resolves with what gives the place back; rejects with the signal's reason if it aborts first. */
  acquire(signal: AbortSignal): Promise<() => void>;
}

export function createSemaphore(places: number): Semaphore {
  const waiting = new Set<() => void>();
  let free = places;

  function release(): void {
    free += 1;
    const [next] = waiting;
    next?.();
  }

  /** A place, which can be given back once. */
  function take(): () => void {
    free -= 1;
    let held = true;
    return () => {
      if (held) release();
      held = false;
    };
  }

  return {
    acquire(signal) {
      if (free > 0 && !signal.aborted) return Promise.resolve(take());
      return abortable(signal, (resolve) => {
        const onTurn = () => {
          waiting.delete(onTurn);
          resolve(take());
        };
        waiting.add(onTurn);
        return () => waiting.delete(onTurn);
      });
    },
  };
}

/**
 * Runs `work` on each item, `concurrency` at one time, started in order. The first failure aborts the signal of the
 * others and is the whole's.
 */
export async function forEachConcurrently<T>(
  items: readonly T[],
  concurrency: number,
  signal: AbortSignal,
  work: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  const onAbort = () => stop.abort(signal.reason);
  const queue = items.values();
  async function worker(): Promise<void> {
    for (let next = queue.next(); !next.done; next = queue.next()) {
      stop.signal.throwIfAborted();
      await work(next.value, stop.signal);
    }
  }
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    await Promise.all(Array.from({ length: Math.min(concurrency, items.length) }, worker));
  } finally {
    signal.removeEventListener("abort", onAbort);
    stop.abort();
  }
}

/** Whoever holds a part of a pool. */
export interface PoolHolder {
  /** Whether it is idle or stalled, so that it may lose its part to whoever needs it. */
  yields(): boolean;
  /** It has lost its part. */
  evict(): void;
}

/** Who asks for a part of a pool, and for how much. */
export interface PoolRequest {
  readonly owner: string;
  /** What of the owner asks: one of its connections, say. */
  readonly member: object;
  readonly amount: number;
}

/** A part of a pool that is held. */
export interface PoolPart {
  /** Gives it back. Idempotent. */
  release(): void;
}

/**
 * A limited quantity that owners share, and within an owner its members. An owner that is alone may hold all of it. Where
 * too little is left, whoever holds most gives way: the largest owner loses a part that yields, or else the oldest part of
 * its largest member, where another owner, or another member of the same, would still hold more than the one that asks.
 */
export interface FairPool {
  /** Null where nobody gives way. */
  take(request: PoolRequest, holder: PoolHolder): PoolPart | null;
  /** Whether there is room without anybody giving way. */
  hasRoom(amount: number): boolean;
}

/** How a pool treats its holders. */
export interface FairPoolOptions {
  /** Whether only parts that yield are ever taken away. Default: false. */
  readonly patient?: boolean;
}

interface Part extends PoolPart {
  readonly holder: PoolHolder;
}

interface Member {
  held: number;
  /** The oldest first. */
  readonly parts: Set<Part>;
}

interface Owner {
  held: number;
  readonly members: Map<object, Member>;
}

export function createFairPool(capacity: number, { patient = false }: FairPoolOptions = {}): FairPool {
  const owners = new Map<string, Owner>();
  let used = 0;

  function add({ owner: name, member: key, amount }: PoolRequest, holder: PoolHolder): Part {
    const owner = owners.get(name) ?? { held: 0, members: new Map<object, Member>() };
    const member = owner.members.get(key) ?? { held: 0, parts: new Set<Part>() };
    owners.set(name, owner);
    owner.members.set(key, member);
    const part: Part = {
      holder,
      release() {
        if (!member.parts.delete(part)) return;
        used -= amount;
        owner.held -= amount;
        member.held -= amount;
        if (member.parts.size === 0) owner.members.delete(key);
        if (owner.members.size === 0) owners.delete(name);
      },
    };
    member.parts.add(part);
    used += amount;
    owner.held += amount;
    member.held += amount;
    return part;
  }

  function nextToGiveWay({ owner: name, member: key, amount }: PoolRequest): Part | null {
    const own = owners.get(name);
    const ownParts = own?.members.get(key)?.parts;
    const largest = maxHeld(owners.values());
    const member = maxHeld(largest?.members.values() ?? []);
    if (largest === null || member === null) return null;
    for (const part of [...member.parts, ...oldestParts(largest)]) {
      if (!ownParts?.has(part) && part.holder.yields()) return part;
    }
    const [theirs, ours] = largest === own ? [member, own.members.get(key)] : [largest, own];
    const [oldest = null] = member.parts;
    return patient || theirs.held <= (ours?.held ?? 0) + amount ? null : oldest;
  }

  const hasRoom = (amount: number) => used === 0 || used + amount <= capacity;

  return {
    take(request, holder) {
      while (!hasRoom(request.amount)) {
        const part = nextToGiveWay(request);
        if (part === null) return null;
        part.release();
        part.holder.evict();
      }
      return add(request, holder);
    },
    hasRoom,
  };
}

function oldestParts({ members }: Owner): readonly Part[] {
  return [...members.values()].flatMap(({ parts: [oldest] }) => oldest ?? []);
}

function maxHeld<Holding extends { readonly held: number }>(holdings: Iterable<Holding>): Holding | null {
  let largest: Holding | null = null;
  for (const holding of holdings) if (largest === null || holding.held > largest.held) largest = holding;
  return largest;
}
