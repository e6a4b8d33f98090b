import { KubernetesUnavailableError, type LabImagesError } from "../../domain/errors.ts";
import { pause } from "../../lib/abort.ts";
import { type Backoff, type BackoffLimits, createBackoff } from "../../lib/backoff.ts";
import type { Clock, Logger, NodeChange, NodeListener } from "../../ports.ts";
import { KubernetesAnswerError } from "../client/api-errors.ts";
import { type ChangeQueueLimits, createChangeQueue } from "../watch/change-queue.ts";
import type { WatchEnd } from "../watch/watch-stream.ts";
import { type NodeWatchContext, type NodeWatchHandler, watchNodes } from "./node-watch.ts";

/** Watches in a row that fail or end early before a list is requested, in case one event is why. */
const STRIKES_BEFORE_RELIST = 5;

/** How a watch went. */
interface WatchLife {
  /** It has reported something. */
  readonly progressed: boolean;
  /** Milliseconds since the server accepted it; 0 where it did not. */
  readonly openMs: number;
}

/** Configuration and collaborators of the loop. */
export interface WatchLoopContext {
  readonly watch: NodeWatchContext;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly backoff: BackoffLimits;
  readonly queue: ChangeQueueLimits;
  /** Called at once for every change, with the node's resource version; a change that is not new is not delivered. */
  readonly isNew: (change: NodeChange, resourceVersion: string) => boolean;
}

/** Watches again and again, from where a list has begun. */
export interface NodeWatchLoop {
  /** The resource version up to which everything is known; null where a list is needed. */
  readonly position: string | null;
  /** Delivers what waits, and continues from this version at once; null: waits for a list. */
  restartFrom(position: string | null): void;
  /** As `NodeSource.follow`. Throws where there is a follower already. */
  follow(listener: NodeListener, signal: AbortSignal): void;
}

/** The state of one follower's loop. */
interface Loop {
  readonly context: WatchLoopContext;
  readonly listener: NodeListener;
  readonly failures: Backoff;
  readonly expiries: Backoff;
  position: string | null;
  strikes: number;
  lastExpiryTime: number;
  /** Message of the failure that was reported last; null: ok; undefined: nothing reported yet. */
  reported: string | null | undefined;
}

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
        // What waited for delivery is dropped: only a list can continue from here.
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
    reported: undefined,
  };
}

/** Runs until the signal aborts; returns a function that restarts it from the loop's position. */
function runLoop(loop: Loop, signal: AbortSignal): () => void {
  const { clock, logger, queue: limits } = loop.context;
  const queue = createChangeQueue(clock, limits, (changes) => deliver(loop, changes));
  let current = new AbortController();
  const endWatch = () => current.abort(new Error("the watch restarts"));
  const onStop = () => {
    queue.clear();
    endWatch();
  };
  signal.addEventListener("abort", onStop, { once: true });

  function add(change: NodeChange, resourceVersion: string): void {
    if (loop.context.isNew(change, resourceVersion)) queue.add(change);
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      current = new AbortController();
      try {
        await watchOnce(loop, add, current.signal);
      } catch (error) {
        // Whatever threw, a logger for example: the loop must neither end nor spin.
        logger.error({ err: error }, "node watch threw (bug), restarting");
        await pause(clock, loop.failures.next(), current.signal).catch(() => undefined);
      }
    }
  }

  void run();
  return () => {
    queue.flush();
    endWatch();
  };
}

/** One watch and the delay after it, or a wait for a list. Returns early when the signal aborts. */
async function watchOnce(loop: Loop, add: NodeWatchHandler["change"], signal: AbortSignal): Promise<void> {
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
        cancelStable = clock.schedule(watch.limits.stableMs, () => reportHealth(loop, null));
      },
      change: add,
      reached(version) {
        if (version !== "") loop.position = version;
        progressed = true;
        reportHealth(loop, null);
      },
    },
    signal,
  );
  cancelStable();
  if (signal.aborted) return;
  const openMs = openedAt === null ? 0 : clock.monotonicTime() - openedAt;
  const delay = delayAfter(loop, end, { progressed, openMs });
  await pause(clock, delay, signal).catch(() => undefined);
  if (end.kind === "expired" && !signal.aborted) requestList(loop, "the watch's version has expired");
}

/** Decides by why a watch ended; returns the delay before the next watch or list, in ms. */
function delayAfter(loop: Loop, end: WatchEnd, life: WatchLife): number {
  switch (end.kind) {
    case "ended":
      return afterEnded(loop, life);
    case "expired":
      return afterExpired(loop, end.error, life);
    case "silent":
      // In a cluster without changes silence is right: it is a failure only if no new watch can be opened.
      requestList(loop, `the watch sent nothing for ${loop.context.watch.limits.silenceMs / 1_000} s`);
      return 0;
    case "failed":
      return afterFailed(loop, end.error, life);
  }
}

function afterEnded(loop: Loop, { progressed, openMs }: WatchLife): number {
  const { longLifeMs, stableMs } = loop.context.watch.limits;
  if (openMs >= longLifeMs) {
    loop.strikes = 0;
    return 0;
  }
  strike(loop);
  // A server that ends every watch early is asked about once a second as long as the watches report something.
  if (progressed || openMs >= stableMs) return loop.failures.first();
  if (loop.strikes >= STRIKES_BEFORE_RELIST) {
    reportHealth(loop, new KubernetesUnavailableError("cannot watch nodes: the server keeps ending the watch at once"));
  }
  return loop.failures.next();
}

function afterExpired(loop: Loop, error: LabImagesError, { progressed }: WatchLife): number {
  loop.position = null;
  const now = loop.context.clock.monotonicTime();
  const again = now - loop.lastExpiryTime <= loop.context.backoff.resetAfterMs;
  loop.lastExpiryTime = now;
  if (!again) return 0;
  // The version that was just listed has expired as well: only lists bring changes now.
  if (!progressed) reportHealth(loop, error);
  return loop.expiries.next();
}

function afterFailed(loop: Loop, error: LabImagesError, { openMs }: WatchLife): number {
  const { watch, backoff, logger } = loop.context;
  if (openMs >= watch.limits.longLifeMs) {
    // A proxy's timeout, or a server that stops: a failure only if no new watch can be opened.
    logger.info({ err: error }, "node watch cut off, restarting");
    loop.strikes = 0;
    return loop.failures.first();
  }
  reportHealth(loop, error);
  strike(loop);
  const asked = error instanceof KubernetesAnswerError ? (error.retryAfterMs ?? 0) : 0;
  return Math.max(loop.failures.next(), Math.min(asked, 2 * backoff.maxMs));
}

function strike(loop: Loop): void {
  loop.strikes += 1;
  if (loop.strikes % STRIKES_BEFORE_RELIST === 0) requestList(loop, "watches keep ending early");
}

function requestList(loop: Loop, why: string): void {
  loop.context.logger.info({ why }, "requested a node list");
  guarded(loop, () => loop.listener.relistNeeded());
}

function reportHealth(loop: Loop, error: Error | null): void {
  const message = error?.message ?? null;
  if (loop.reported === message) return;
  loop.reported = message;
  const { logger } = loop.context;
  if (error === null) logger.info({}, "node watch ok");
  else logger.warn({ err: error }, "node watch failed, retrying");
  guarded(loop, () => loop.listener.health(error));
}

/** An exception of a listener is its defect: neither the watch nor, out of a timer, the process ends for it. */
function guarded(loop: Loop, call: () => void): void {
  try {
    call();
  } catch (error) {
    loop.context.logger.error({ err: error }, "node listener threw (bug)");
  }
}

/** A listener that throws has lost the changes: only a list brings them back. */
function deliver(loop: Loop, changes: readonly NodeChange[]): void {
  try {
    loop.listener.changed(changes);
  } catch (error) {
    loop.context.logger.error({ err: error }, "node listener threw (bug)");
    requestList(loop, "the node listener threw at changes");
  }
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
