import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import type { ServedConfig } from "../config/config.ts";
import type { PullOrder } from "../domain/prepull/pull.ts";
import { firstWish } from "../domain/snapshot/first-wish.ts";
import type { Snapshot } from "../domain/snapshot/snapshot.ts";
import type { KubernetesConnection } from "../kubernetes/client/connection.ts";
import { createLeadership, type ElectedLeadership, soleLeadership } from "../kubernetes/lease/leadership.ts";
import { createDeploymentOwner, noOwner, type PodOwner } from "../kubernetes/pods/pod-owner.ts";
import { createPuller, type PullerLimits } from "../kubernetes/pulls/puller.ts";
import type { Clock, Logger } from "../ports.ts";
import type { BuiltInPrepuller } from "../service/prepull-effects.ts";
import { type Environment, ownDeployment, ownInstance, podNamespace } from "./environment.ts";

/** What the built-in prepuller is made of. */
export interface PrepullerParts {
  readonly config: ServedConfig;
  readonly connection: KubernetesConnection;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly logger: Logger;
  readonly environment: Environment;
}

/**
 * Milliseconds between two looks for pods that nobody sees to: such as those of an earlier leader whose node has no turn
 * yet, or one that could not be removed in its time. After any fault they have gone within a minute (faults.md), at the
 * price of one short list.
 */
const SWEEP_INTERVAL = 30_000;

/** The built-in prepuller, with what has to be waited for at the end. */
export interface RunningPrepuller extends BuiltInPrepuller {
  /** Passes a registry notification on to the other replicas. */
  announce(): void;
  /** From now on pods have the tolerations and secrets that follow from this snapshot. */
  follow(current: () => Snapshot | null): void;
  /** Calls `listener` when another replica has passed a notification on. One listener. */
  onAnnounced(listener: () => void): void;
  /** Resolves when the lease has been given up. */
  ended(): Promise<void>;
}

/** Puts the prepuller together; null where the configuration leaves it to an outside one. */
export async function createBuiltInPrepuller(parts: PrepullerParts): Promise<RunningPrepuller | null> {
  const { config, connection, clock, random } = parts;
  const { enabled, pullSecret, maxConcurrentPulls, adaptive, stuckPullTimeout, leaderElection } = config.prepuller;
  if (!enabled) return null;
  const logger = parts.logger.child({ component: "prepuller" });
  const namespace = await podNamespace(config, parts.environment, connection);
  let onAnnounced = (): void => undefined;
  let snapshot = (): Snapshot | null => null;
  const leadership = leadershipOf(parts, namespace, logger, () => onAnnounced());
  const { leaseName } = leaderElection;
  const puller = createPuller({
    connection,
    namespace,
    instance: ownInstance(parts.environment, leaseName),
    formerInstance: leaseName,
    pullSecret,
    tolerations: config.tolerations,
    pod: config.prepuller.pod,
    forPull: (order) => pullSettings(config, snapshot(), order),
    owner: ownerOf(parts, namespace, logger),
    leadership,
    clock,
    random,
    logger,
    limits: writeLimits(config),
  });
  return {
    puller,
    leadership,
    maxConcurrentPulls,
    isAdaptive: adaptive,
    stuckPullTimeout,
    sweepInterval: SWEEP_INTERVAL,
    ended: () => leadership.ended(),
    announce: () => leadership.announce(),
    follow(current) {
      snapshot = current;
    },
    onAnnounced(listener) {
      onAnnounced = listener;
    },
  };
}

/**
 * A write that was sent just before the renew deadline must not arrive when another replica may lead already: it has
 * the time between that deadline and the end of the lease.
 */
function writeLimits({ prepuller: { leaderElection } }: ServedConfig): Partial<PullerLimits> {
  const { enabled, leaseDuration, renewDeadline } = leaderElection;
  if (!enabled) return {};
  const margin = leaseDuration - renewDeadline;
  return { api: { createMs: Math.min(5_000, margin) }, pull: { removeMs: Math.min(4_000, margin) } };
}

function leadershipOf(
  { config, connection, clock, random, environment }: PrepullerParts,
  namespace: string,
  logger: Logger,
  onAnnounced: () => void,
): ElectedLeadership {
  const { enabled, leaseName, leaseDuration, renewDeadline, retryPeriod } = config.prepuller.leaderElection;
  if (!enabled) return { ...soleLeadership, ended: () => Promise.resolve(), announce: () => undefined };
  const identity = `${environment["POD_NAME"] ?? hostname()}_${randomUUID()}`;
  const timing = { leaseDuration, renewDeadline, retryPeriod };
  const instance = ownInstance(environment, leaseName);
  const common = { connection, namespace, clock, random, logger, onAnnounced };
  return createLeadership({ ...common, leaseName, identity, instance, timing });
}

/** A pull has the tolerations of the first set that wants the image on the node, and the secret of its source. */
function pullSettings(
  { sources, prepuller }: ServedConfig,
  snapshot: Snapshot | null,
  { node, digest }: Pick<PullOrder, "node" | "digest">,
) {
  const wish = snapshot === null ? null : firstWish(snapshot, node, digest);
  if (wish === null) return null;
  const source = sources.find((each) => each.source.name === wish.source)?.source;
  return { tolerations: wish.set.tolerations, pullSecret: source?.pullSecret ?? prepuller.pullSecret };
}

/** Pods belong to our Deployment where we run in one, so that nothing is left over when it is deleted. */
function ownerOf({ connection, clock, environment }: PrepullerParts, podNamespace: string, logger: Logger): PodOwner {
  const deployment = ownDeployment(environment);
  return deployment === null ? noOwner : createDeploymentOwner({ connection, deployment, podNamespace, clock, logger });
}
