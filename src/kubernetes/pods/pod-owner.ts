import { LabImagesError } from "../../domain/errors.ts";
import { orAborted } from "../../lib/abort.ts";
import { objectOf } from "../../lib/json.ts";
import type { Clock, Logger } from "../../ports.ts";
import type { KubernetesConnection } from "../client/connection.ts";
import type { OwnerReference } from "./prepull-pod.ts";

/** Who owns the pods that are made now. */
export interface PodOwner {
  /** Null where there is no owner; rejects for an abort of the signal alone. */
  current(signal: AbortSignal): Promise<OwnerReference | null>;
  /** A pod that was made with it was refused or deleted: the garbage collector deletes those of an owner that has gone. */
  invalidate(): void;
}

/** Pods without an owner: what is left over of them is found by its label alone. */
export const noOwner: PodOwner = { current: () => Promise.resolve(null), invalidate: () => undefined };

/** What finding the owner needs. */
export interface DeploymentOwnerOptions {
  readonly connection: KubernetesConnection;
  /** Our own Deployment. */
  readonly deployment: { readonly namespace: string; readonly name: string };
  /** Namespace of the pods. */
  readonly podNamespace: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

const DEADLINE_MS = 5_000;
/** A Deployment may be deleted and made again under the same name, with another uid. */
const GOOD_FOR_MS = 10 * 60_000;
const RETRY_AFTER_MS = 60_000;

/**
 * Our Deployment as the owner, so that its deletion takes the pods along and a roll-out does not. It is named by
 * configuration: reading that one object is the least permission that reveals its uid, which the downward API does not. The
 * garbage collector deletes pods whose owner is in another namespace (facts.md), so those get none.
 */
export function createDeploymentOwner(options: DeploymentOwnerOptions): PodOwner {
  const { deployment, podNamespace, clock, logger } = options;
  if (deployment.namespace !== podNamespace) return noOwner;
  let known: { readonly owner: OwnerReference | null; readonly until: number } | null = null;
  let reading: Promise<OwnerReference | null> | null = null;

  /** For all pulls that begin at the same time. */
  async function read(): Promise<OwnerReference | null> {
    try {
      const owner = await readDeployment(options);
      known = { owner, until: clock.monotonicTime() + GOOD_FOR_MS };
      return owner;
    } catch (error) {
      if (!(error instanceof LabImagesError)) throw error;
      logger.warn({ err: error, deployment }, "cannot read our Deployment: the prepuller's pods get no owner");
      known = { owner: null, until: clock.monotonicTime() + RETRY_AFTER_MS };
      return null;
    } finally {
      reading = null;
    }
  }

  return {
    async current(signal) {
      signal.throwIfAborted();
      if (known !== null && clock.monotonicTime() < known.until) return known.owner;
      reading ??= read();
      return orAborted(reading, signal);
    },
    invalidate() {
      if (known?.owner) known = null;
    },
  };
}

async function readDeployment({ connection, deployment }: DeploymentOwnerOptions): Promise<OwnerReference | null> {
  // Whoever gives up leaves the others their answer.
  const { signal } = new AbortController();
  const { namespace, name } = deployment;
  const body = await connection.call({
    what: "read our Deployment",
    path: `/apis/apps/v1/namespaces/${namespace}/deployments/${name}`,
    deadlineMs: DEADLINE_MS,
    signal,
  });
  const { uid } = objectOf(objectOf(body)["metadata"]);
  if (typeof uid !== "string" || uid === "") return null;
  // A controller: `kubectl drain` refuses to evict pods that have none. ReplicaSets leave pods of another controller alone.
  return { apiVersion: "apps/v1", kind: "Deployment", name, uid, controller: true };
}
