import type { Clock, Logger, NodeChange, NodeListener } from "../ports.ts";
import { type Backoff, type BackoffLimits, createBackoff } from "./backoff.ts";
import { type ChangeQueueLimits, createChangeQueue } from "./change-queue.ts";
import { pause } from "./deadline.ts";
import { type NodeWatchContext, type NodeWatchEnd, watchNodes } from "./node-watch.ts";

/** After so many watches in a row that failed or were cut short a new list is asked for, in case one event is why. */
const STRIKES_BEFORE_RELIST = 5;

/** What the loop needs. */
export interface WatchLoopContext {
  readonly watch: NodeWatchContext;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly backoff: BackoffLimits;
  readonly queue: ChangeQueueLimits;
  /** Sees every change at once, before it is gathered. */
  readonly onChange: (change: NodeChange) => void;
}

/** Watches on and on, from where a list has begun. */
export interface NodeWatchLoop {
  /** The version up to which everything is known; null where only a list can help. */
  readonly position: string | null;
  /** Hands over what waits, and goes on from this version at once; null: stands still. */
  restartFrom(position: string | null): void;
  /** As `NodeSource.follow`. Throws where somebody follows already. */
  follow(listener: NodeListener, signal: AbortSignal): void;
}

/** The state of one follower's loop, changed by its own functions only. */
interface Loop {
  readonly context: WatchLoopContext;
  readonly listener: NodeListener;
  readonly failures: Backoff;
  readonly expiries: Backoff;
  position: string | null;
  strikes: number;
  lastExpiryTime: number;
  /** Message of the failure that was told last; null when it works; undefined when nothing was told yet. */
  told: string | null | undefined;
}

/** A loop that nobody follows yet. */
export function createWatchLoop(context: WatchLoopContext): NodeWatchLoop {
  let position: string | null = null;
  let running: { readonly loop: Loop; restart(): void } | null = null;

  return {
    get position() {
      return running === null ? position : running.loop.position;
    },
    restartFrom(next) {
      position = next;
      if (running === null) return;
      running.loop.position = next;
      running.restart();
    },
    follow(listener, signal) {
      if (running !== null) throw new Error("the nodes are followed already");
      if (signal.aborted) return;
      const loop = createLoop(context, listener, position);
      const stop = () => {
        position = loop.position;
        running = null;
      };
      running = { loop, restart: runLoop(loop, signal) };
      signal.addEventListener("abort", stop, { once: true });
    },
  };
}

function createLoop(context: WatchLoopContext, listener: NodeListener, position: string | null): Loop {
  const { clock, backoff } = context;
  const newBackoff = () => createBackoff(clock, context.watch.random, backoff);
  return {
    context,
    listener,
    failures: newBackoff(),
    expiries: newBackoff(),
    position,
    strikes: 0,
    lastExpiryTime: Number.NEGATIVE_INFINITY,
    told: undefined,
  };
}

/** Runs until the signal aborts; answers what lets it begin anew from the loop's position. */
function runLoop(loop: Loop, signal: AbortSignal): () => void {
  const { clock, logger, queue: limits } = loop.context;
  const queue = createChangeQueue(clock, limits, (changes) => deliver(loop, changes));
  let turn = new AbortController();
  const endTurn = () => turn.abort(new Error("the watch begins anew"));
  const onStop = () => {
    queue.clear();
    endTurn();
  };
  signal.addEventListener("abort", onStop, { once: true });

  function add(change: NodeChange): void {
    loop.context.onChange(change);
    queue.add(change);
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      turn = new AbortController();
      try {
        await takeTurn(loop, add, turn.signal);
      } catch (error) {
        // Whatever has thrown, a listener for example: the watch must not end for it, nor spin.
        logger.error({ err: error }, "a turn of the node watch broke");
        await pause(clock, loop.failures.next(), turn.signal).catch(() => undefined);
      }
    }
  }

  void run();
  return () => {
    queue.flush();
    endTurn();
  };
}

/** One watch and the delay after it, or a wait for a list. Ends early when the signal aborts; never rejects for that. */
async function takeTurn(loop: Loop, add: (change: NodeChange) => void, signal: AbortSignal): Promise<void> {
  const { clock, watch } = loop.context;
  if (loop.position === null) return untilAborted(signal);
  const begun = clock.monotonicTime();
  let progressed = false;
  let cancelStable = (): void => undefined;
  const end = await watchNodes(
    watch,
    loop.position,
    {
      opened() {
        cancelStable = clock.schedule(watch.limits.stableMs, () => tellHealth(loop, null));
      },
      change: add,
      reached(version) {
        if (version !== "") loop.position = version;
        progressed = true;
        tellHealth(loop, null);
      },
    },
    signal,
  );
  cancelStable();
  if (signal.aborted) return;
  const delay = settle(loop, end, { progressed, lifeMs: clock.monotonicTime() - begun });
  await pause(clock, delay, signal).catch(() => undefined);
  if (end.kind === "expired" && !signal.aborted) askForList(loop, "the watch's version has expired");
}

/** Draws the conclusions from a watch's end; answers the milliseconds to wait before what comes next. */
function settle(
  loop: Loop,
  end: NodeWatchEnd,
  life: { readonly progressed: boolean; readonly lifeMs: number },
): number {
  switch (end.kind) {
    case "ended": {
      if (life.lifeMs >= loop.context.watch.limits.longLifeMs) {
        loop.strikes = 0;
        return 0;
      }
      strike(loop);
      // A server that cuts every watch short is asked about once a second as long as it tells something.
      return life.progressed ? loop.failures.first() : loop.failures.next();
    }
    case "expired": {
      loop.position = null;
      const now = loop.context.clock.monotonicTime();
      const again = now - loop.lastExpiryTime <= loop.context.backoff.resetAfterMs;
      loop.lastExpiryTime = now;
      return again ? loop.expiries.next() : 0;
    }
    case "silent":
      // Where nothing happens for so long, silence may be right: it is a failure only if no new watch can be had.
      askForList(loop, "the watch has gone silent");
      return 0;
    case "failed":
      tellHealth(loop, end.error);
      strike(loop);
      return loop.failures.next();
  }
}

function strike(loop: Loop): void {
  loop.strikes += 1;
  if (loop.strikes % STRIKES_BEFORE_RELIST === 0) askForList(loop, "watches keep ending early");
}

function askForList(loop: Loop, why: string): void {
  loop.context.logger.info({ why }, "asking for a new list of nodes");
  loop.listener.relistNeeded();
}

function tellHealth(loop: Loop, error: Error | null): void {
  const message = error?.message ?? null;
  if (loop.told === message) return;
  loop.told = message;
  const { logger } = loop.context;
  if (error === null) logger.info({}, "the node watch works");
  else logger.warn({ err: error }, "the node watch does not work");
  loop.listener.health(error);
}

/** A listener that throws has lost the changes: only a list can bring them back. */
function deliver(loop: Loop, changes: readonly NodeChange[]): void {
  try {
    loop.listener.changed(changes);
  } catch (error) {
    loop.context.logger.error({ err: error }, "node changes were not taken");
    askForList(loop, "node changes were not taken");
  }
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
