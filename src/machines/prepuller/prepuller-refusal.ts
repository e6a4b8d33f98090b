import {
  isSameReason,
  type PodRefusal,
  type RefusedPod,
  refusalAfter,
  refusalAfterAcceptance,
} from "../../domain/prepull/pod-refusal.ts";
import { isOnlyImage } from "../../domain/prepull/prepull-work.ts";
import { told } from "./prepuller-news.ts";
import type { PrepullerContext } from "./prepuller-state.ts";
import type { SyncEnqueue } from "./prepuller-sync.ts";

/** The part of xstate's `enqueue` that a refusal uses. */
interface RefusalEnqueue extends Pick<SyncEnqueue, "assign" | "sendParent" | "cancel"> {
  raise(event: { readonly type: "turns.due" }, options: { readonly delay: number; readonly id: string }): void;
}

/** The API server has refused a pod, or failed, in a way that does not depend on the node: one is tried later. */
export function noteRefusal(context: PrepullerContext, pod: Omit<RefusedPod, "isOnly">, enqueue: RefusalEnqueue): void {
  const { refusal, settings, random, now, running, work } = context;
  if (settings.mode === "outside") return;
  const timing = { backoff: settings.backoff, random: random(), now: now().monotonic };
  const next = refusalAfter(refusal, { ...pod, isOnly: isOnlyImage(work, pod.digest) }, timing);
  // While a pull of ours is under way its pod was accepted, or may be yet.
  const isReported = next.isWide && next.failures > 0 && running.size === 0;
  const isNews = isReported && (next.reported === null || !isSameReason(next.reported, pod.failure));
  enqueue.assign({ refusal: isNews ? { ...next, reported: pod.failure } : next });
  awaitTrial(context, next, enqueue);
  if (isNews) enqueue.sendParent(told({ type: "pods.refused", failure: pod.failure }));
}

/** The API server has accepted a pod. */
export function noteAcceptance(
  { refusal, settings }: PrepullerContext,
  pod: Pick<RefusedPod, "uid" | "digest">,
  enqueue: RefusalEnqueue,
): void {
  if (refusal === null) return;
  const next = refusalAfterAcceptance(refusal, pod, settings.maxConcurrentPulls);
  enqueue.assign({ refusal: next });
  if (next === null) enqueue.cancel("refusal");
  if (refusal.reported !== null) enqueue.sendParent(told({ type: "pods.accepted" }));
}

/** Turns are looked at again when what is held back may be tried. */
export function awaitTrial({ refusal, now }: PrepullerContext, next: PodRefusal, enqueue: RefusalEnqueue): void {
  if (next.until === refusal?.until) return;
  enqueue.cancel("refusal");
  enqueue.raise({ type: "turns.due" }, { delay: next.until - now().monotonic, id: "refusal" });
}
