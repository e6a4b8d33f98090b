import { abortable, pause } from "../../lib/abort.ts";
import { type BackoffLimits, createBackoff } from "../../lib/backoff.ts";
import type { Clock, Logger } from "../../ports.ts";
import type { PodApi } from "./pod-api.ts";
import type { PodState } from "./pod-object.ts";
import { type PodWatchContext, watchPods } from "./pod-watch.ts";

/** The last known state of one pod. */
export interface SeenPod {
  readonly pod: PodState;
  /** It no longer exists; `pod` is the last state that was seen. */
  readonly gone: boolean;
}

/** Changes of the pods of one name, one after the other: a name may be used again. */
export interface PodSubscription {
  /** The latest that is known of the pod with this uid, or undefined. */
  seen(uid: string): SeenPod | undefined;
  /** The pod exists as of now: a list that is requested later and lacks it means that it has gone. */
  expect(pod: PodState): void;
  /** Resolves at the next change of the name; rejects with the signal's reason. */
  changed(signal: AbortSignal): Promise<void>;
  release(): void;
}

/**
 * One list and one watch over all our pods, shared by all pulls and running only while there are any. Any fault of the
 * watch ends in a new list, with backoff, so that what was missed is made up for.
 */
export interface PodFollower {
  /** Follows a name. One subscription a name at a time. */
  follow(name: string): PodSubscription;
}

/** Configuration and collaborators of a pod follower. */
export interface PodFollowerContext {
  readonly api: PodApi;
  readonly watch: PodWatchContext;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly backoff: BackoffLimits;
}

interface Subscription {
  readonly states: Map<string, SeenPod>;
  readonly expected: Map<string, PodState>;
  readonly waiting: Set<() => void>;
}

export function createPodFollower(context: PodFollowerContext): PodFollower {
  const subscriptions = new Map<string, Subscription>();
  let life: AbortController | null = null;

  function start(): void {
    life = new AbortController();
    const { signal } = life;
    follow(context, subscriptions, signal).catch((error: unknown) => {
      if (!signal.aborted) context.logger.error({ err: error }, "pod watch failed (bug)");
    });
  }

  return {
    follow(name) {
      if (subscriptions.has(name)) throw new Error("this pod is followed already");
      const subscription: Subscription = { states: new Map(), expected: new Map(), waiting: new Set() };
      subscriptions.set(name, subscription);
      if (life === null) start();
      return {
        ...handle(subscription),
        release() {
          if (subscriptions.get(name) !== subscription) return;
          subscriptions.delete(name);
          if (subscriptions.size > 0) return;
          life?.abort(new Error("no pod is followed"));
          life = null;
        },
      };
    },
  };
}

function handle({ states, expected, waiting }: Subscription): Omit<PodSubscription, "release"> {
  return {
    seen: (uid) => states.get(uid),
    expect: (pod) => expected.set(pod.uid, pod),
    changed(signal) {
      return abortable(signal, (resolve) => {
        waiting.add(resolve);
        return () => waiting.delete(resolve);
      });
    },
  };
}

async function follow(
  context: PodFollowerContext,
  subscriptions: ReadonlyMap<string, Subscription>,
  signal: AbortSignal,
): Promise<void> {
  const { clock, watch, logger } = context;
  const backoff = createBackoff(clock, watch.random, context.backoff);
  let fault: string | null = null;
  while (!signal.aborted) {
    const error = await listAndWatch(context, subscriptions, signal);
    if (signal.aborted) return;
    if (error !== null) {
      logger[error.message === fault ? "debug" : "warn"]({ err: error }, "pod watch failed, retrying");
    } else if (fault !== null) logger.info({}, "pod watch ok");
    fault = error?.message ?? null;
    await pause(clock, error === null ? backoff.first() : backoff.next(), signal);
  }
}

/** One list and the watch after it; answers what went wrong, null where the server has ended the watch in order. */
async function listAndWatch(
  { api, watch }: PodFollowerContext,
  subscriptions: ReadonlyMap<string, Subscription>,
  signal: AbortSignal,
): Promise<Error | null> {
  try {
    // A pod that comes to be expected while the list is under way may be missing from it and exist all the same.
    const expected = [...subscriptions].flatMap(([name, { expected: pods }]) =>
      [...pods.values()].map((pod) => ({ name, pod })),
    );
    const { pods, resourceVersion } = await api.list(signal);
    const note = (pod: PodState, gone: boolean) => {
      notify(subscriptions.get(pod.name), pod, gone);
    };
    for (const pod of pods) note(pod, false);
    const listed = new Set(pods.map(({ uid }) => uid));
    for (const { name, pod } of expected) {
      const subscription = subscriptions.get(name);
      if (!listed.has(pod.uid)) notify(subscription, subscription?.states.get(pod.uid)?.pod ?? pod, true);
    }
    const steps = {
      changed: (pod: PodState) => note(pod, false),
      removed: (pod: PodState) => note(pod, true),
    };
    return (await watchPods(watch, resourceVersion, steps, signal)).error;
  } catch (error) {
    return error instanceof Error ? error : new Error("the list has failed", { cause: error });
  }
}

function notify(subscription: Subscription | undefined, pod: PodState, gone: boolean): void {
  if (subscription === undefined || subscription.states.get(pod.uid)?.gone === true) return;
  subscription.states.set(pod.uid, { pod, gone });
  const waiting = [...subscription.waiting];
  subscription.waiting.clear();
  for (const wake of waiting) wake();
}
