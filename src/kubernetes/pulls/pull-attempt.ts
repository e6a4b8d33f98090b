import type { PullOrder } from "../../domain/prepull/pull.ts";
import { startDeadline } from "../../lib/abort.ts";
import type { Clock, Logger } from "../../ports.ts";
import type { PodApi } from "../pods/pod-api.ts";
import type { PodEventsContext } from "../pods/pod-events.ts";
import type { PodFollower, PodSubscription } from "../pods/pod-follower.ts";
import { isPrepullPod, type PodState } from "../pods/pod-object.ts";
import type { PodOwner } from "../pods/pod-owner.ts";
import { instanceLabel, type PrepullPodSettings } from "../pods/prepull-pod.ts";

/** Bounds of a pull beside its time-out; milliseconds. */
export interface PullLimits {
  /** For one read of a pod. */
  readonly readMs: number;
  /** Between two tries to create a pod. */
  readonly retryMs: number;
  /** Tries to create a pod that end without anybody knowing whether it exists. */
  readonly maxTries: number;
  /** How long a pod that is being deleted is waited for, before it is deleted by force. */
  readonly goingMs: number;
  /** How long a container that could not be started may take to show the image's id. */
  readonly doubtMs: number;
  /** For the last look at a pod whose time is over. */
  readonly lastLookMs: number;
  /** For the deletion at the end, with its retries. */
  readonly removeMs: number;
  /** By how much a pod may outlive its deadline, clocks being what they are, before it counts as overdue. */
  readonly overdueSlackMs: number;
}

/**
 * The last look, the events (2 s) and the deletion together stay below the 10 s after which the core gives up on a
 * pull that should have ended itself.
 */
export const defaultPullLimits: PullLimits = {
  readMs: 5_000,
  retryMs: 1_000,
  maxTries: 3,
  goingMs: 30_000,
  doubtMs: 10_000,
  lastLookMs: 2_000,
  removeMs: 4_000,
  overdueSlackMs: 60_000,
};

/** What all pulls share. */
export interface PullContext {
  readonly api: PodApi;
  readonly follower: PodFollower;
  /** Uids of left over pods that have been counted as pulls, and may still be there. */
  readonly counted: Set<string>;
  readonly events: PodEventsContext;
  readonly settings: PrepullPodSettings;
  readonly formerInstance: string;
  readonly owner: PodOwner;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits: PullLimits;
}

/** One pull under way. */
export interface PullAttempt {
  readonly order: PullOrder;
  /** Of the pod. */
  readonly name: string;
  readonly subscription: PodSubscription;
  /** Until when its pod may be obtained, on the monotonic scale. */
  readonly deadlineTime: number;
  /** Aborts when the pull is cancelled or released. */
  readonly signal: AbortSignal;
  /** Aborts when the pull is released: a cancelled one has yet to remove its pod. */
  readonly writeSignal: AbortSignal;
}

/** Whether a pod is one of this prepuller's, and not of another that shares the namespace, or of somebody else. */
export function isOurs(settings: PrepullPodSettings, pod: PodState): boolean {
  return isPrepullPod(pod) && pod.instance === instanceLabel(settings.instance);
}

const NEVER = new AbortController().signal;

/**
 * Waits for a change of the pod, at most until a time, or until `wake` aborts; rejects with the attempt's reason when it is
 * aborted.
 */
export async function changeOrTime(
  clock: Clock,
  { subscription, signal }: PullAttempt,
  until: number,
  wake: AbortSignal = NEVER,
): Promise<void> {
  const deadline = startDeadline(clock, Math.max(0, until - clock.monotonicTime()), signal);
  try {
    await subscription.changed(AbortSignal.any([deadline.signal, wake]));
  } catch (error) {
    if (!deadline.expired && (signal.aborted || !wake.aborted)) throw error;
  } finally {
    deadline.release();
  }
}
