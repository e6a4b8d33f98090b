import { LabImagesError } from "../../domain/errors.ts";
import type { PullFailure, PullOrder } from "../../domain/prepull/pull.ts";
import { type BackoffLimits, reflectorBackoff } from "../../lib/backoff.ts";
import type { Clock, Leadership, Logger, PullControl, Puller } from "../../ports.ts";
import type { KubernetesConnection } from "../client/connection.ts";
import { createPodApi, defaultPodApiLimits, dryRunPod, type PodApiLimits } from "../pods/pod-api.ts";
import { refusalOf } from "../pods/pod-failure.ts";
import { createPodFollower } from "../pods/pod-follower.ts";
import type { PodOwner } from "../pods/pod-owner.ts";
import { defaultPodWatchLimits, type PodWatchLimits } from "../pods/pod-watch.ts";
import { buildPrepullPod, type PrepullPodSettings, prepullPodName, prepullPodSelector } from "../pods/prepull-pod.ts";
import { executePull } from "./execute-pull.ts";
import { defaultPullLimits, type PullContext, type PullLimits } from "./pull-attempt.ts";
import { recoverPods } from "./recover-pods.ts";

/** Limits of a puller; each has a default. */
export interface PullerLimits {
  readonly api: Partial<PodApiLimits>;
  readonly watch: Partial<PodWatchLimits>;
  readonly backoff: Partial<BackoffLimits>;
  readonly pull: Partial<PullLimits>;
}

/** Configuration and collaborators of a puller. */
export interface PullerOptions extends PrepullPodSettings {
  readonly connection: KubernetesConnection;
  readonly owner: PodOwner;
  /** The instance by the first version: the name of the lease. Default: the instance. */
  readonly formerInstance?: string;
  /** Asked before each single write. */
  readonly leadership: Pick<Leadership, "mayWrite">;
  readonly clock: Clock;
  /** Evenly distributed from 0 to under 1; for jitter. */
  readonly random: () => number;
  readonly logger: Logger;
  readonly limits?: Partial<PullerLimits>;
}

/**
 * Pulls images by pods that use them (docs/spec/prepuller.md). Holds nothing but the pulls under way: without any, it
 * asks nothing of the API server. Needs in the namespace of its pods: pods create, get, list, watch, delete; events list.
 */
export function createPuller(options: PullerOptions): Puller {
  const context = pullContext(options);
  const running = new Map<string, Promise<unknown>>();

  /** A pull that was cancelled may still be removing its pod when the same pull is asked for again. */
  async function afterOthers(name: string, order: PullOrder, control: PullControl) {
    for (let other = running.get(name); other !== undefined; other = running.get(name)) await other;
    const pull = executePull(context, order, control);
    const settled = pull.then(
      () => undefined,
      () => undefined,
    );
    running.set(name, settled);
    try {
      return await pull;
    } finally {
      if (running.get(name) === settled) running.delete(name);
    }
  }

  return {
    pull: (order, control) =>
      afterOthers(prepullPodName(options.instance, order.nodeUid, order.digest), order, control),
    tryPod: (order, signal) => tryPod(context, options.connection, order, signal),
    recover: (isWanted, signal) => recoverPods(context, { isWanted, running }, signal),
  };
}

/** What is unclear, such as a name that is taken or a server that does not answer, is left to the first pull. */
async function tryPod(
  { settings, owner, logger, limits }: PullContext,
  connection: KubernetesConnection,
  order: PullOrder,
  signal: AbortSignal,
): Promise<PullFailure | null> {
  const pod = buildPrepullPod(settings, order, await owner.current(signal));
  try {
    await dryRunPod({ connection, namespace: settings.namespace, deadlineMs: limits.readMs }, pod, signal);
    return null;
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof LabImagesError)) throw error;
    owner.invalidate();
    logger.debug({ err: error }, "the dry run of a prepull pod failed");
    const failure = refusalOf(error);
    return failure?.failureClass === "refused" ? failure : null;
  }
}

function pullContext(options: PullerOptions): PullContext {
  const {
    connection,
    namespace,
    instance,
    formerInstance = instance,
    leadership,
    owner,
    clock,
    random,
    limits = {},
  } = options;
  const logger = options.logger.child({ component: "puller" });
  const selector = prepullPodSelector(...new Set([instance, formerInstance]));
  const api = createPodApi({
    connection,
    namespace,
    selector,
    leadership,
    limits: { ...defaultPodApiLimits, ...limits.api },
  });
  const watchLimits = { ...defaultPodWatchLimits, ...limits.watch };
  const watch = { connection, clock, random, namespace, selector, limits: watchLimits };
  const backoff = { ...reflectorBackoff, ...limits.backoff };
  return {
    api,
    follower: createPodFollower({ api, watch, clock, logger, backoff }),
    counted: new Set(),
    events: { connection, namespace, logger },
    settings: options,
    formerInstance,
    owner,
    clock,
    logger,
    limits: { ...defaultPullLimits, ...limits.pull },
  };
}
