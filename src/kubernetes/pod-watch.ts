import { LabImagesError } from "../domain/errors.ts";
import type { Clock } from "../ports.ts";
import { eventError, nonsenseError, transportError } from "./api-errors.ts";
import type { KubernetesConnection } from "./connection.ts";
import { objectOf } from "./node-object.ts";
import { podsPath } from "./pod-api.ts";
import { type PodState, readPodState } from "./pod-object.ts";
import { createLineCutter } from "./watch-lines.ts";

/** Completes "cannot …" in messages. */
const WHAT = "watch the prepuller's pods";

/** Bounds of one watch. */
export interface PodWatchLimits {
  /** Milliseconds until the answer has begun. */
  readonly openMs: number;
  /** Milliseconds without a whole line after which a watch counts as dead: more than a minute, as bookmarks come. */
  readonly silenceMs: number;
  /** Seconds after which the server ends the watch: a random number between the two. */
  readonly minTimeoutSeconds: number;
  readonly maxTimeoutSeconds: number;
  /** Bytes of one event. */
  readonly maxLineBytes: number;
}

export const defaultPodWatchLimits: PodWatchLimits = {
  openMs: 30_000,
  silenceMs: 75_000,
  minTimeoutSeconds: 300,
  maxTimeoutSeconds: 600,
  maxLineBytes: 2 * 1024 * 1024,
};

/** What a watch needs. */
export interface PodWatchContext {
  readonly connection: KubernetesConnection;
  readonly clock: Clock;
  readonly random: () => number;
  readonly namespace: string;
  readonly selector: string;
  readonly limits: PodWatchLimits;
}

/** What a watch tells while it runs. */
export interface PodWatchSteps {
  changed(pod: PodState): void;
  /** With the last state that it had. */
  removed(pod: PodState): void;
}

/** How a watch has come to its end: in order, or not, with the reason. */
export type PodWatchEnd = { readonly error: Error | null };

/** Watches our pods from a version on until the watch ends, for whatever reason. Never rejects. */
export async function watchPods(
  context: PodWatchContext,
  from: string,
  steps: PodWatchSteps,
  signal: AbortSignal,
): Promise<PodWatchEnd> {
  const { connection, namespace, limits } = context;
  const life = new AbortController();
  const silence = watchSilence(context, () => life.abort());
  try {
    const stream = await connection.open({
      what: WHAT,
      path: podsPath(namespace),
      query: watchQuery(context, from),
      deadlineMs: limits.openMs,
      signal: AbortSignal.any([signal, life.signal]),
    });
    try {
      silence.heard();
      await readEvents(limits, stream.chunks, steps, silence.heard, signal);
      return { error: null };
    } finally {
      stream.close();
    }
  } catch (error) {
    if (signal.aborted) return { error: null };
    if (life.signal.aborted) return { error: nonsenseError(WHAT, "it sends nothing") };
    return { error: error instanceof LabImagesError ? error : transportError(WHAT, error) };
  } finally {
    silence.stop();
  }
}

function watchQuery({ selector, limits, random }: PodWatchContext, from: string): Record<string, string> {
  const { minTimeoutSeconds: min, maxTimeoutSeconds: max } = limits;
  return {
    watch: "true",
    resourceVersion: from,
    allowWatchBookmarks: "true",
    labelSelector: selector,
    timeoutSeconds: String(Math.round(min + random() * (max - min))),
  };
}

async function readEvents(
  limits: PodWatchLimits,
  chunks: AsyncIterable<Buffer>,
  steps: PodWatchSteps,
  heard: () => void,
  signal: AbortSignal,
): Promise<void> {
  const cutter = createLineCutter(limits.maxLineBytes);
  for await (const chunk of chunks) {
    const lines = cutter.push(chunk);
    if (lines === null) throw nonsenseError(WHAT, `an event of more than ${limits.maxLineBytes} bytes`);
    for (const line of lines) {
      if (signal.aborted) return;
      heard();
      readEvent(line, steps);
    }
  }
  if (cutter.hasRest) throw nonsenseError(WHAT, "it ends in the middle of an event");
}

function readEvent(line: string, steps: PodWatchSteps): void {
  const { type, object } = objectOf(parse(line));
  if (type === "ERROR") throw eventError(WHAT, object);
  if (type !== "BOOKMARK") {
    const pod = readPodState(object);
    if (pod === null) throw nonsenseError(WHAT, "a pod without name or uid");
    if (type === "ADDED" || type === "MODIFIED") steps.changed(pod);
    else if (type === "DELETED") steps.removed(pod);
    else throw nonsenseError(WHAT, "an event of no known type");
  }
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw nonsenseError(WHAT, "an event that is no JSON");
  }
}

/** Calls `onSilence` once when nothing was heard for too long after the first time that something was. */
function watchSilence({ clock, limits }: PodWatchContext, onSilence: () => void) {
  let cancel = (): void => undefined;
  return {
    heard() {
      cancel();
      cancel = clock.schedule(limits.silenceMs, onSilence);
    },
    stop: () => cancel(),
  };
}
