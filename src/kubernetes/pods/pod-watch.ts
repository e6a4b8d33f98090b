import { KubernetesUnavailableError } from "../../domain/errors.ts";
import type { Clock } from "../../ports.ts";
import { unexpectedResponse } from "../client/api-errors.ts";
import type { KubernetesConnection } from "../client/connection.ts";
import {
  defaultWatchLimits,
  runWatch,
  type WatchEnd,
  type WatchEvent,
  type WatchLimits,
} from "../watch/watch-stream.ts";
import { podsPath } from "./pod-api.ts";
import { type PodState, readPodState } from "./pod-object.ts";

/** Completes "cannot …" in messages. */
const WHAT = "watch the prepuller's pods";

/** Bounds of one watch. */
export type PodWatchLimits = WatchLimits;

export const defaultPodWatchLimits: PodWatchLimits = { ...defaultWatchLimits, maxLineBytes: 2 * 1024 * 1024 };

/** What a watch needs. */
export interface PodWatchContext {
  readonly connection: KubernetesConnection;
  readonly clock: Clock;
  readonly random: () => number;
  readonly namespace: string;
  readonly selector: string;
  readonly limits: PodWatchLimits;
}

/** Callbacks of a running watch. */
export interface PodWatchSteps {
  changed(pod: PodState): void;
  /** With the last state that it had. */
  removed(pod: PodState): void;
}

/** How a watch has come to its end: in order, or not, with the reason. */
export type PodWatchEnd = { readonly error: Error | null };

/** Watches our pods from a version on until the watch ends, for whatever reason. Never rejects. */
export async function watchPods(
  { namespace, selector, ...context }: PodWatchContext,
  from: string,
  steps: PodWatchSteps,
  signal: AbortSignal,
): Promise<PodWatchEnd> {
  const end = await runWatch(
    { ...context, what: WHAT, path: podsPath(namespace), labelSelector: selector, from },
    { opened: () => undefined, event: (event) => takeEvent(event, steps) },
    signal,
  );
  return { error: errorOf(end, context.limits) };
}

function errorOf(end: WatchEnd, { silenceMs }: PodWatchLimits): Error | null {
  if (end.kind === "ended") return null;
  if (end.kind !== "silent") return end.error;
  return new KubernetesUnavailableError(`cannot ${WHAT}: nothing received for ${silenceMs / 1_000} s`);
}

function takeEvent({ type, object }: WatchEvent, steps: PodWatchSteps): void {
  if (type === "BOOKMARK") return;
  const pod = readPodState(object);
  if (pod === null) throw unexpectedResponse(WHAT, "a pod without name or uid");
  if (type === "DELETED") steps.removed(pod);
  else steps.changed(pod);
}
