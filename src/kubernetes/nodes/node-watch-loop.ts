import { KubernetesUnavailableError, type LabImagesError } from "../../domain/errors.ts";
import { pause } from "../../lib/abort.ts";
import { type Backoff, type BackoffLimits, createBackoff } from "../../lib/backoff.ts";
import type { Clock, Logger, NodeChange, NodeListener } from "../../ports.ts";
import { KubernetesAnswerError } from "../client/api-errors.ts";
import { type ChangeQueueLimits, createChangeQueue } from "../watch/change-queue.ts";
import type { WatchEnd } from "../watch/watch-stream.ts";
import { type NodeWatchContext, type NodeWatchSteps, watchNodes } from "./node-watch.ts";

/** After so many watches in a row that failed or were cut short a new list is asked for, in case one event is why. */
const STRIKES_BEFORE_RELIST = 5;

/** How the life of a watch went. */
interface WatchLife {
  /** It has told something. */
  readonly progressed: boolean;
  /** Milliseconds since the server accepted it; 0 where it did not. */
  readonly openMs: number;
}

/** What the loop needs. */
export interface WatchLoopContext {
  readonly watch: NodeWatchContext;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly backoff: BackoffLimits;
  readonly queue: ChangeQueueLimits;
  /** Asked of every change at once, with the version that the node has by it; what is no news is not handed over. */
  readonly isNews: (change: NodeChange, resourceVersion: string) => boolean;
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
        // What waited to be handed over is forgotten: only a list can go on from here.
        position = null;
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

  function add(change: NodeChange, resourceVersion: string): void {
    if (loop.context.isNews(change, resourceVersion)) queue.add(change);
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      turn = new AbortController();
      try {
        await takeTurn(loop, add, turn.signal);
      } catch (error) {
        // Whatever has thrown, a logger for example: the watch must not end for it, nor spin.
        logger.error({ err: error }, "node watch threw (bug), restarting");
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
async function takeTurn(loop: Loop, add: NodeWatchSteps["change"], signal: AbortSignal): Promise<void> {
  const { clock, watch } = loop.context;
  if (loop.position === null) return untilAborted(signal);
  let openedAt: number | null = null;
  let progressed = false;
  let cancelStable = (): void => undefined;
  const end = await watchNodes(
    watch,
    loop.position,
    {
      opened() {
        openedAt = clock.monotonicTime();
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
  const openMs = openedAt === null ? 0 : clock.monotonicTime() - openedAt;
  const delay = settle(loop, end, { progressed, openMs });
  await pause(clock, delay, signal).catch(() => undefined);
  if (end.kind === "expired" && !signal.aborted) askForList(loop, "the watch's version has expired");
}

/** Draws the conclusions from a watch's end; answers the milliseconds to wait before what comes next. */
function settle(loop: Loop, end: WatchEnd, life: WatchLife): number {
  switch (end.kind) {
    case "ended":
      return settleEnded(loop, life);
    case "expired":
      return settleExpired(loop, end.error, life);
    case "silent":
      // Where nothing happens for so long, silence may be right: it is a failure only if no new watch can be had.
      askForList(loop, `the watch sent nothing for ${loop.context.watch.limits.silenceMs / 1_000} s`);
      return 0;
    case "failed":
      return settleFailed(loop, end.error, life);
  }
}

function settleEnded(loop: Loop, { progressed, openMs }: WatchLife): number {
  const { longLifeMs, stableMs } = loop.context.watch.limits;
  if (openMs >= longLifeMs) {
    loop.strikes = 0;
    return 0;
  }
  strike(loop);
  // A server that cuts every watch short is asked about once a second as long as that is of use.
  if (progressed || openMs >= stableMs) return loop.failures.first();
  if (loop.strikes >= STRIKES_BEFORE_RELIST) {
    tellHealth(loop, new KubernetesUnavailableError("cannot watch nodes: the server keeps ending the watch at once"));
  }
  return loop.failures.next();
}

function settleExpired(loop: Loop, error: LabImagesError, { progressed }: WatchLife): number {
  loop.position = null;
  const now = loop.context.clock.monotonicTime();
  const again = now - loop.lastExpiryTime <= loop.context.backoff.resetAfterMs;
  loop.lastExpiryTime = now;
  if (!again) return 0;
  // The version that has just been listed is expired, too: lists alone bring news now.
  if (!progressed) tellHealth(loop, error);
  return loop.expiries.next();
}

function settleFailed(loop: Loop, error: LabImagesError, { openMs }: WatchLife): number {
  const { watch, backoff, logger } = loop.context;
  if (openMs >= watch.limits.longLifeMs) {
    // A proxy's time-out, or a server that goes: a failure only if no new watch can be had, and none in a row.
    logger.info({ err: error }, "node watch cut off, restarting");
    loop.strikes = 0;
    return loop.failures.first();
  }
  tellHealth(loop, error);
  strike(loop);
  const asked = error instanceof KubernetesAnswerError ? (error.retryAfterMs ?? 0) : 0;
  return Math.max(loop.failures.next(), Math.min(asked, 2 * backoff.maxMs));
}

function strike(loop: Loop): void {
  loop.strikes += 1;
  if (loop.strikes % STRIKES_BEFORE_RELIST === 0) askForList(loop, "watches keep ending early");
}

function askForList(loop: Loop, why: string): void {
  loop.context.logger.info({ why }, "requested a node list");
  guarded(loop, () => loop.listener.relistNeeded());
}

function tellHealth(loop: Loop, error: Error | null): void {
  const message = error?.message ?? null;
  if (loop.told === message) return;
  loop.told = message;
  const { logger } = loop.context;
  if (error === null) logger.info({}, "node watch ok");
  else logger.warn({ err: error }, "node watch failed, retrying");
  guarded(loop, () => loop.listener.health(error));
}

/** What a listener throws is a defect of the listener's: neither the watch nor, out of a timer, the process ends for it. */
function guarded(loop: Loop, tell: () => void): void {
  try {
    tell();
  } catch (error) {
    loop.context.logger.error({ err: error }, "node listener threw (bug)");
  }
}

/** A listener that throws has lost the changes: only a list can bring them back. */
function deliver(loop: Loop, changes: readonly NodeChange[]): void {
  try {
    loop.listener.changed(changes);
  } catch (error) {
    loop.context.logger.error({ err: error }, "node listener threw (bug)");
    askForList(loop, "the node listener threw at changes");
  }
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
