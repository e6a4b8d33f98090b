import { setImmediate as nextTurn } from "node:timers/promises";
import { LabImagesError } from "../domain/errors.ts";
import type { Clock, NodeChange } from "../ports.ts";
import { eventError, KubernetesAnswerError, nonsenseError, transportError } from "./api-errors.ts";
import type { KubernetesConnection } from "./connection.ts";
import type { ImageInterning } from "./image-interning.ts";
import { objectOf, readNode, resourceVersionOf } from "./node-object.ts";
import { createLineCutter } from "./watch-lines.ts";

/** Completes "cannot …" in messages. */
const WHAT = "watch nodes";

/** Events that are parsed before others get their turn: one of a node with 50 images takes 0.15 ms. */
const LINES_A_TURN = 16;

/** Bounds of one watch. */
export interface NodeWatchLimits {
  /** Milliseconds until the answer has begun. */
  readonly openMs: number;
  /**
   * Milliseconds without a whole line after which a watch is given up and another begun, since its connection may be
   * half-open. The API server sends a bookmark about once a minute, so this has to be more; but none as long as its
   * version is the one that the watch began with, so silence alone is no failure.
   */
  readonly silenceMs: number;
  /** Seconds after which the server ends the watch: a random number between the two. */
  readonly minTimeoutSeconds: number;
  readonly maxTimeoutSeconds: number;
  /** Bytes of one event. */
  readonly maxLineBytes: number;
  /** Milliseconds after which a watch that ends has ended in order: the next one begins at once. */
  readonly longLifeMs: number;
  /** Milliseconds after which a watch that was accepted counts as working, also where nothing happens. */
  readonly stableMs: number;
}

export const defaultWatchLimits: NodeWatchLimits = {
  openMs: 30_000,
  silenceMs: 75_000,
  minTimeoutSeconds: 300,
  maxTimeoutSeconds: 600,
  maxLineBytes: 8 * 1024 * 1024,
  longLifeMs: 30_000,
  stableMs: 2_000,
};

/** What a watch needs. */
export interface NodeWatchContext {
  readonly connection: KubernetesConnection;
  readonly clock: Clock;
  readonly random: () => number;
  readonly interning: ImageInterning;
  /** Label selector as the API has it; empty for all nodes. */
  readonly labelSelector: string;
  readonly limits: NodeWatchLimits;
}

/** What a watch tells while it runs; nothing after its signal has aborted. */
export interface NodeWatchSteps {
  /** The server has accepted the watch. */
  opened(): void;
  change(change: NodeChange): void;
  /** The version up to which everything has been told, bookmarks included. */
  reached(resourceVersion: string): void;
}

/** How a watch has come to its end. */
export type NodeWatchEnd =
  /** The server has ended it in order, or our signal. */
  | { readonly kind: "ended" }
  /** The version is too old for the server to go on from (410). */
  | { readonly kind: "expired" }
  /** Nothing came for `silenceMs`. */
  | { readonly kind: "silent" }
  | { readonly kind: "failed"; readonly error: LabImagesError };

/** Watches the nodes from a version on until the watch ends, for whatever reason. Never rejects. */
export async function watchNodes(
  context: NodeWatchContext,
  from: string,
  steps: NodeWatchSteps,
  signal: AbortSignal,
): Promise<NodeWatchEnd> {
  const silence = createSilence(context);
  try {
    const stream = await context.connection.open({
      what: WHAT,
      path: "/api/v1/nodes",
      query: watchQuery(context, from),
      deadlineMs: context.limits.openMs,
      signal,
    });
    try {
      steps.opened();
      silence.start(stream.close);
      await readEvents(context, stream.chunks, steps, silence.heard, signal);
      return { kind: "ended" };
    } finally {
      stream.close();
    }
  } catch (error) {
    if (signal.aborted) return { kind: "ended" };
    return silence.reached() ?? endOf(error);
  } finally {
    silence.stop();
  }
}

function watchQuery({ labelSelector, limits, random }: NodeWatchContext, from: string): Record<string, string> {
  const { minTimeoutSeconds: min, maxTimeoutSeconds: max } = limits;
  return {
    watch: "true",
    resourceVersion: from,
    allowWatchBookmarks: "true",
    timeoutSeconds: String(Math.round(min + random() * (max - min))),
    ...(labelSelector === "" ? {} : { labelSelector }),
  };
}

function endOf(error: unknown): NodeWatchEnd {
  if (error instanceof KubernetesAnswerError && error.status === 410) return { kind: "expired" };
  return { kind: "failed", error: error instanceof LabImagesError ? error : transportError(WHAT, error) };
}

async function readEvents(
  context: NodeWatchContext,
  chunks: AsyncIterable<Buffer>,
  steps: NodeWatchSteps,
  heard: () => void,
  signal: AbortSignal,
): Promise<void> {
  const cutter = createLineCutter(context.limits.maxLineBytes);
  let linesThisTurn = 0;
  for await (const chunk of chunks) {
    const observedAt = context.clock.monotonicTime();
    const lines = cutter.push(chunk);
    if (lines === null) throw nonsenseError(WHAT, `an event of more than ${context.limits.maxLineBytes} bytes`);
    for (const line of lines) {
      if (signal.aborted) return;
      heard();
      readEvent(line, context.interning, observedAt, steps);
      linesThisTurn += 1;
      if (linesThisTurn >= LINES_A_TURN) {
        linesThisTurn = 0;
        await nextTurn();
      }
    }
  }
  if (cutter.hasRest) throw nonsenseError(WHAT, "it ends in the middle of an event");
}

function readEvent(line: string, interning: ImageInterning, observedAt: number, steps: NodeWatchSteps): void {
  const { type, object } = objectOf(parse(line));
  switch (type) {
    case "ADDED":
    case "MODIFIED":
    case "DELETED": {
      const read = readNode(object, interning);
      if (read === null) throw nonsenseError(WHAT, "a node without name or uid");
      const { report, resourceVersion } = read;
      const removed = type === "DELETED";
      steps.change(
        removed
          ? { type: "node.removed", name: report.name, uid: report.uid, observedAt }
          : { type: "node.reported", node: report, observedAt },
      );
      if (resourceVersion !== "") steps.reached(resourceVersion);
      return;
    }
    case "BOOKMARK":
      steps.reached(resourceVersionOf(object));
      return;
    case "ERROR":
      throw eventError(WHAT, object);
    default:
      throw nonsenseError(WHAT, "an event of no known type");
  }
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw nonsenseError(WHAT, "an event that is no JSON");
  }
}

interface Silence {
  /** Begins to listen; `onSilence` is called once when nothing was heard for too long. */
  start(onSilence: () => void): void;
  heard(): void;
  /** How the watch has ended, where silence ended it. */
  reached(): NodeWatchEnd | null;
  stop(): void;
}

function createSilence({ clock, limits }: NodeWatchContext): Silence {
  let lastHeard = 0;
  let silent = false;
  let cancel = (): void => undefined;

  function listen(onSilence: () => void): void {
    const left = lastHeard + limits.silenceMs - clock.monotonicTime();
    cancel = clock.schedule(Math.max(1, left), () => {
      if (clock.monotonicTime() - lastHeard < limits.silenceMs) {
        listen(onSilence);
        return;
      }
      silent = true;
      onSilence();
    });
  }

  return {
    start(onSilence) {
      lastHeard = clock.monotonicTime();
      listen(onSilence);
    },
    heard() {
      lastHeard = clock.monotonicTime();
    },
    reached: () => (silent ? { kind: "silent" } : null),
    stop: () => cancel(),
  };
}
