import { once } from "node:events";
import { RegistryUnavailableError } from "../../domain/errors.ts";
import { startDeadline } from "../../lib/abort.ts";
import { createSemaphore, type Semaphore } from "../../lib/concurrency.ts";
import type { Clock } from "../../ports.ts";
import type { RegistryLimits } from "../oci/limits.ts";

/** A host's limit on concurrent requests, and its `Retry-After`. */
export interface Host {
  /** Resolves with a function that gives the place back. */
  acquire(signal: AbortSignal): Promise<() => void>;
  /**
   * Resolves when the host may be asked. Rejects with a RegistryUnavailableError that names the time where that is more
   * than `maxRetryAfterMs` away.
   */
  ready(signal: AbortSignal): Promise<void>;
  /**
   * Keeps requests from the host for `milliseconds`, at most `maxHoldMs`. `cause` is what the host answered; returns it
   * with the time of the next attempt, and whether that is near enough to be waited for.
   */
  hold(milliseconds: number, cause: string): { readonly reason: string; readonly isShort: boolean };
  /** Must be called once, when the request is over. */
  leave(): void;
}

/** What is kept about the hosts that requests go to: only as long as there are requests, or a `Retry-After` runs. */
export interface HostTable {
  enter(name: string): Host;
  /** Ends every `Retry-After` now, for those who wait as well. */
  releaseAll(): void;
  readonly size: number;
}

export interface HostTableOptions {
  readonly limits: RegistryLimits;
  readonly clock: Clock;
  readonly random: () => number;
}

interface HostState {
  readonly places: Semaphore;
  requests: number;
  /** `Clock.monotonicTime` before which nothing is sent. */
  heldUntil: number;
  /** What the host said, and until when, in absolute time: a reason that counted down would be another one each time. */
  heldFor: string;
  /** Aborted when the hold ends early. */
  released: AbortController;
}

/** An absolute time of day in UTC, rounded up to the second. */
function timeText(wallTime: number): string {
  return `${new Date(Math.ceil(wallTime / 1_000) * 1_000).toISOString().slice(0, 19)}Z`;
}

export function createHostTable({ limits, clock, random }: HostTableOptions): HostTable {
  const hosts = new Map<string, HostState>();

  function dropIdle(): void {
    const now = clock.monotonicTime();
    for (const [name, { requests, heldUntil }] of hosts) if (requests === 0 && heldUntil <= now) hosts.delete(name);
  }

  function stateOf(name: string): HostState {
    const known = hosts.get(name);
    if (known !== undefined) return known;
    // A registry can name another token service at each request: what is kept must not grow with it.
    dropIdle();
    const places = createSemaphore(limits.concurrency);
    const created = { places, requests: 0, heldUntil: 0, heldFor: "", released: new AbortController() };
    hosts.set(name, created);
    return created;
  }

  async function ready(name: string, host: HostState, signal: AbortSignal): Promise<void> {
    const waitMs = host.heldUntil - clock.monotonicTime();
    if (waitMs <= 0) return;
    if (waitMs > limits.maxRetryAfterMs) throw new RegistryUnavailableError(`${name} ${host.heldFor}`);
    // Many requests wait for the same moment: they had better not all come in it.
    const jitterMs = limits.retryBaseMs * random();
    const rest = startDeadline(clock, waitMs + jitterMs, signal, host.released.signal);
    try {
      if (!rest.signal.aborted) await once(rest.signal, "abort");
    } finally {
      rest.release();
    }
    signal.throwIfAborted();
  }

  return {
    enter(name) {
      const host = stateOf(name);
      host.requests += 1;
      return {
        acquire: (signal) => host.places.acquire(signal),
        ready: (signal) => ready(name, host, signal),
        hold(milliseconds, cause) {
          const heldMs = Math.min(milliseconds, limits.maxHoldMs);
          const until = clock.monotonicTime() + heldMs;
          if (until > host.heldUntil) {
            const time = timeText(clock.wallTime() + heldMs);
            host.heldUntil = until;
            host.heldFor = `${cause} and asks for a pause (Retry-After): next attempt after ${time}`;
          }
          const isShort = host.heldUntil - clock.monotonicTime() <= limits.maxRetryAfterMs;
          return { reason: host.heldFor, isShort };
        },
        leave() {
          host.requests -= 1;
          dropIdle();
        },
      };
    },
    releaseAll() {
      for (const host of hosts.values()) {
        host.heldUntil = 0;
        host.released.abort();
        host.released = new AbortController();
      }
    },
    get size() {
      return hosts.size;
    },
  };
}
