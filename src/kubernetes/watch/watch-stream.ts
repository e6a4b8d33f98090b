import { setImmediate as nextTurn } from "node:timers/promises";
import { KubernetesUnavailableError, LabImagesError } from "../../domain/errors.ts";
import type { Clock } from "../../ports.ts";
import { eventError, isExpired, isVersionRefused, transportError, unexpectedResponse } from "../client/api-errors.ts";
import type { KubernetesConnection } from "../client/connection.ts";
import { objectOf } from "../nodes/node-object.ts";
import { createLineCutter } from "./watch-lines.ts";
import { createWatchTimes, type WatchTimes } from "./watch-times.ts";

/** Events that are parsed before others get their turn: one of a node with 50 images takes 0.15 ms. */
const LINES_A_TURN = 10;

/** Bounds of one watch. */
export interface WatchLimits {
  /** Milliseconds until the answer has begun. */
  readonly openMs: number;
  /**
   * Milliseconds without a whole line after which a watch is given up, since its connection may be half-open. The API
   * server sends a bookmark about once a minute, so this has to be more; but none as long as its version is the one
   * that the watch began with, so silence alone is no failure.
   */
  readonly silenceMs: number;
  /** Seconds after which the server ends the watch: a random number between the two. */
  readonly minTimeoutSeconds: number;
  readonly maxTimeoutSeconds: number;
  /** Milliseconds after that time in which the server has to have ended it; then it is ended here. */
  readonly overrunMs: number;
  /** Bytes of one event. */
  readonly maxLineBytes: number;
}

/** What suits any resource: ends after 5 to 10 minutes, as client-go's reflector has it. */
export const defaultWatchLimits: WatchLimits = {
  openMs: 30_000,
  silenceMs: 75_000,
  minTimeoutSeconds: 300,
  maxTimeoutSeconds: 600,
  overrunMs: 30_000,
  maxLineBytes: 8 * 1024 * 1024,
};

/** What is to be watched, and how. */
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
  /** The version after which the watch begins. */
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

/** What a watch tells while it runs; nothing after its signal has aborted. */
export interface WatchSteps {
  /** The server has accepted the watch. */
  opened(): void;
  /** What it throws ends the watch. */
  event(event: WatchEvent): void;
}

/** How a watch has come to its end. */
export type WatchEnd =
  /** The server has ended it in order, or our signal, or its time was over. */
  | { readonly kind: "ended" }
  /** The server cannot go on from the version: it is too old (410), unknown or not valid. */
  | { readonly kind: "expired"; readonly error: LabImagesError }
  /** Nothing came for `silenceMs`. */
  | { readonly kind: "silent" }
  | { readonly kind: "failed"; readonly error: LabImagesError };

/** Watches a resource until the watch ends, for whatever reason. Never rejects. */
export async function runWatch(request: WatchRequest, steps: WatchSteps, signal: AbortSignal): Promise<WatchEnd> {
  const { connection, what, path, limits } = request;
  const timeoutSeconds = drawTimeout(request);
  const times = createWatchTimes(request.clock, limits.silenceMs, timeoutSeconds * 1_000 + limits.overrunMs);
  try {
    const query = watchQuery(request, timeoutSeconds);
    const stream = await connection.open({ what, path, query, deadlineMs: limits.openMs, signal });
    try {
      steps.opened();
      times.start(stream.close);
      await readEvents(request, stream.chunks, steps, times, signal);
      return { kind: "ended" };
    } finally {
      stream.close();
    }
  } catch (error) {
    if (signal.aborted) return { kind: "ended" };
    return times.reached() ?? endOf(what, error);
  } finally {
    times.stop();
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
  return { kind: "failed", error: error instanceof LabImagesError ? error : transportError(what, error) };
}

async function readEvents(
  { what, clock, limits }: WatchRequest,
  chunks: AsyncIterable<Buffer>,
  steps: WatchSteps,
  times: WatchTimes,
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
      times.heard();
      steps.event(readEvent(what, line, observedAt));
      linesThisTurn += 1;
      if (linesThisTurn >= LINES_A_TURN) {
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
