import { setImmediate as nextTurn } from "node:timers/promises";
import { KubernetesUnavailableError, LabImagesError } from "../../domain/errors.ts";
import { objectOf } from "../../lib/json.ts";
import type { Clock } from "../../ports.ts";
import { eventError, isExpired, isVersionRefused, transportError, unexpectedResponse } from "../client/api-errors.ts";
import type { KubernetesConnection } from "../client/connection.ts";
import { createLineCutter } from "./watch-lines.ts";
import { createWatchTimeouts, type WatchTimeouts } from "./watch-timeouts.ts";

/** Events parsed per turn of the event loop: one of a node with 50 images takes 0.15 ms. */
const LINES_PER_TURN = 10;

/** Limits of one watch. */
export interface WatchLimits {
  /** Deadline for the response headers, in ms. */
  readonly openMs: number;
  /**
   * Idle timeout: the watch ends after this time without a whole line, since its connection may be half-open. The API
   * server sends a bookmark about once a minute, so this has to be more; but none as long as its version is the one
   * that the watch started with, so silence alone is no failure.
   */
  readonly silenceMs: number;
  /** Seconds after which the server ends the watch: a random number between the two. */
  readonly minTimeoutSeconds: number;
  readonly maxTimeoutSeconds: number;
  /** Grace after that time, in ms, in which the server has to end it; then it is ended here. */
  readonly overrunMs: number;
  /** Bytes of one event. */
  readonly maxLineBytes: number;
}

/** For any resource: watches end after 5 to 10 minutes, as in client-go's reflector. */
export const defaultWatchLimits: WatchLimits = {
  openMs: 30_000,
  silenceMs: 75_000,
  minTimeoutSeconds: 300,
  maxTimeoutSeconds: 600,
  overrunMs: 30_000,
  maxLineBytes: 8 * 1024 * 1024,
};

/** A resource to watch, and how. */
export interface WatchRequest {
  readonly connection: KubernetesConnection;
  readonly clock: Clock;
  /** Evenly distributed from 0 to under 1; for jitter. */
  readonly random: () => number;
  /** Completes "cannot …" in messages: such as "watch nodes". */
  readonly what: string;
  /** Of the resource's list, such as `/api/v1/nodes`. */
  readonly path: string;
  /** As the API has it; empty for all objects. */
  readonly labelSelector: string;
  /** The resource version after which the watch starts. */
  readonly from: string;
  readonly limits: WatchLimits;
}

/** One event, except an ERROR: that ends the watch. */
export interface WatchEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK";
  readonly object: unknown;
  /** `Clock.monotonicTime` when its bytes came. */
  readonly observedAt: number;
}

/** Callbacks of a running watch; none is called after its signal has aborted. */
export interface WatchHandler {
  /** The server has accepted the watch. */
  opened(): void;
  /** An exception ends the watch. */
  event(event: WatchEvent): void;
}

/** Why a watch ended. */
export type WatchEnd =
  /** The server closed it in order, our signal aborted, or its lifetime was over. */
  | { readonly kind: "ended" }
  /** The server cannot continue from the version: it is too old (410), unknown or not valid. */
  | { readonly kind: "expired"; readonly error: LabImagesError }
  /** Nothing was received for `silenceMs`. */
  | { readonly kind: "silent" }
  | { readonly kind: "failed"; readonly error: LabImagesError };

/** Watches a resource until the watch ends, for whatever reason. Never rejects. */
export async function runWatch(request: WatchRequest, handler: WatchHandler, signal: AbortSignal): Promise<WatchEnd> {
  const { connection, what, path, limits } = request;
  const timeoutSeconds = drawTimeout(request);
  const timeouts = createWatchTimeouts(request.clock, limits.silenceMs, timeoutSeconds * 1_000 + limits.overrunMs);
  try {
    const query = watchQuery(request, timeoutSeconds);
    const stream = await connection.open({ what, path, query, deadlineMs: limits.openMs, signal });
    try {
      handler.opened();
      timeouts.start(stream.close);
      await readEvents(request, stream.chunks, handler, timeouts, signal);
      return { kind: "ended" };
    } finally {
      stream.close();
    }
  } catch (error) {
    if (signal.aborted) return { kind: "ended" };
    return timeouts.reached() ?? endOf(what, error);
  } finally {
    timeouts.stop();
  }
}

function drawTimeout({ random, limits }: WatchRequest): number {
  const { minTimeoutSeconds: min, maxTimeoutSeconds: max } = limits;
  return Math.round(min + random() * (max - min));
}

function watchQuery({ labelSelector, from }: WatchRequest, timeoutSeconds: number): Record<string, string> {
  return {
    watch: "true",
    resourceVersion: from,
    allowWatchBookmarks: "true",
    timeoutSeconds: String(timeoutSeconds),
    ...(labelSelector === "" ? {} : { labelSelector }),
  };
}

function endOf(what: string, error: unknown): WatchEnd {
  if (isExpired(error) || isVersionRefused(error)) return { kind: "expired", error };
  return { kind: "failed", error: LabImagesError.from(error, (cause) => transportError(what, cause)) };
}

async function readEvents(
  { what, clock, limits }: WatchRequest,
  chunks: AsyncIterable<Buffer>,
  handler: WatchHandler,
  timeouts: WatchTimeouts,
  signal: AbortSignal,
): Promise<void> {
  const cutter = createLineCutter(limits.maxLineBytes);
  let linesThisTurn = 0;
  for await (const chunk of chunks) {
    const observedAt = clock.monotonicTime();
    const lines = cutter.push(chunk);
    if (lines === null) throw unexpectedResponse(what, `an event of more than ${limits.maxLineBytes} bytes`);
    for (const line of lines) {
      if (signal.aborted) return;
      timeouts.touch();
      handler.event(readEvent(what, line, observedAt));
      linesThisTurn += 1;
      if (linesThisTurn >= LINES_PER_TURN) {
        linesThisTurn = 0;
        await nextTurn();
      }
    }
  }
  if (cutter.hasRest)
    throw new KubernetesUnavailableError(`cannot ${what}: the connection ended in the middle of an event`);
}

function readEvent(what: string, line: string, observedAt: number): WatchEvent {
  const { type, object } = objectOf(parse(what, line));
  switch (type) {
    case "ADDED":
    case "MODIFIED":
    case "DELETED":
    case "BOOKMARK":
      return { type, object, observedAt };
    case "ERROR":
      throw eventError(what, object);
    default:
      throw unexpectedResponse(what, "an event of unknown type");
  }
}

function parse(what: string, line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw unexpectedResponse(what, "an event with invalid JSON");
  }
}
