import { randomUUID } from "node:crypto";
import type { ServedConfig } from "../../config/config.ts";
import { LabImagesError } from "../../domain/errors.ts";
import { repositoryOf } from "../../domain/images/repository.ts";
import {
  describePermission,
  isAllowed,
  type Permission,
  prepullerPermissions,
  READER_PERMISSIONS,
  TOKEN_REVIEW_PERMISSIONS,
} from "../../kubernetes/access/permissions.ts";
import {
  KubernetesAnswerError,
  KubernetesRefusalError,
  unexpectedResponse,
} from "../../kubernetes/client/api-errors.ts";
import { connectKubernetes, type KubernetesConnection } from "../../kubernetes/client/connection.ts";
import { selectorText } from "../../kubernetes/nodes/node-source.ts";
import { dryRunPod } from "../../kubernetes/pods/pod-api.ts";
import { buildPrepullPod } from "../../kubernetes/pods/prepull-pod.ts";
import { DeadlineReached, withDeadline } from "../../lib/abort.ts";
import { objectOf } from "../../lib/json.ts";
import { quotePeer } from "../../lib/redact.ts";
import type { Clock } from "../../ports.ts";
import { type Environment, namedKubeconfig, ownDeployment, ownInstance, podNamespace } from "../environment.ts";
import { type Finding, findWithin, missing, ok } from "./finding.ts";
import type { RegistryCheck } from "./registry-check.ts";

/** In ms: for the whole of it, and for one call. */
const TIME_MS = 25_000;
const CALL_MS = 8_000;
const PAGE_SIZE = "50";
/** Of an image that no registry has, where none is known: a dry run pulls nothing. */
const PLACEHOLDER = `sha256:${"0".repeat(64)}`;

/** What a check of the cluster works with. */
export interface KubernetesCheckDeps {
  readonly config: ServedConfig;
  readonly environment: Environment;
  readonly clock: Clock;
  /** The check of the registry, which runs at the same time: clusters may verify that an image is there. */
  readonly registry: Promise<RegistryCheck>;
}

/** What the checks share. */
interface Check extends KubernetesCheckDeps {
  readonly connection: KubernetesConnection;
  readonly signal: AbortSignal;
}

/**
 * Asks the API server for one page of nodes, for each permission that deploy/ grants, and, where the prepuller is enabled,
 * what it would make of one of its pods. Nothing is written.
 */
export async function checkKubernetes(deps: KubernetesCheckDeps, signal: AbortSignal): Promise<readonly Finding[]> {
  const { config, environment, clock } = deps;
  const connection = connectKubernetes({ kubeconfig: namedKubeconfig(config, environment)?.path ?? null, clock });
  try {
    return await findWithin(clock, TIME_MS, "kubernetes", signal, async (inner) => {
      const check = { ...deps, connection, signal: inner };
      const nodes = await checkNodes(check);
      const readers = await checkPermissions(check, "kubernetes", READER_PERMISSIONS);
      const showTokens = config.grpc.auth?.callers.some(({ kind }) => kind === "account") ?? false;
      const callers = showTokens ? await checkPermissions(check, "grpc.auth", TOKEN_REVIEW_PERMISSIONS) : [];
      return [...nodes, ...readers, ...callers, ...(config.prepuller.enabled ? await checkPrepuller(check) : [])];
    });
  } finally {
    await connection.close();
  }
}

/** Rejects where no further question would be answered. */
async function checkNodes({ config, connection, signal }: Check): Promise<readonly Finding[]> {
  const labelSelector = selectorText(config.nodeSelector);
  const what = "list nodes";
  try {
    const query = { limit: PAGE_SIZE, ...(labelSelector === "" ? {} : { labelSelector }) };
    const page = objectOf(await connection.call({ what, path: "/api/v1/nodes", query, deadlineMs: CALL_MS, signal }));
    const { kind, items } = page;
    if (kind !== "NodeList") throw unexpectedResponse(what, "expected a NodeList");
    const count = Array.isArray(items) ? items.length : 0;
    const more = objectOf(page["metadata"])["continue"] ? "the first " : "";
    if (count > 0)
      return [ok("kubernetes", `the API server lists ${more}${count === 1 ? "1 node" : `${count} nodes`}`)];
    return [missing("nodeSelector", labelSelector === "" ? "the cluster has no node" : `no node has ${labelSelector}`)];
  } catch (error) {
    // The permission is asked about next, and named there.
    if (error instanceof KubernetesRefusalError && error.status === 403) return [];
    throw error;
  }
}

async function checkPermissions(
  { connection, signal }: Check,
  key: string,
  permissions: readonly Permission[],
): Promise<readonly Finding[]> {
  const findings = permissions.map(async (permission) => {
    const words = describePermission(permission);
    if (await isAllowed(connection, permission, CALL_MS, signal)) return ok(key, `our account may ${words}`);
    const { without } = permission;
    return missing(key, `our account may not ${words}${without === "" ? "" : `: ${without} without it`}`);
  });
  return await Promise.all(findings);
}

async function checkPrepuller(check: Check): Promise<readonly Finding[]> {
  const { config, environment, connection } = check;
  const { enabled, leaseName } = config.prepuller.leaderElection;
  let namespace: string;
  try {
    namespace = await podNamespace(config, environment, connection);
  } catch (error) {
    return [missing("prepuller.namespace", reasonOf(error))];
  }
  const own = ownDeployment(environment);
  const deployment = own?.namespace === namespace ? own.name : null;
  const permissions = prepullerPermissions({ namespace, leaseName: enabled ? leaseName : null, deployment });
  const findings = await checkPermissions(check, "prepuller", permissions);
  return [...findings, await tryPod(check, namespace)];
}

/** Asks by a dry run. */
async function tryPod(check: Check, namespace: string): Promise<Finding> {
  const { config, connection, environment, signal } = check;
  const image = await knownImage(check);
  const { tag, digest } = image ?? { tag: config.images.recommendedTag, digest: PLACEHOLDER };
  const words = image === null ? " (tried with a placeholder digest: none was had from the registry)" : "";
  const { registry, repository } = repositoryOf(config.images.source);
  const { pullSecret, pod, leaderElection } = config.prepuller;
  const instance = ownInstance(environment, leaderElection.leaseName);
  const settings = { namespace, instance, pullSecret, tolerations: config.tolerations, pod };
  const order = {
    reference: `${registry}/${repository}:${tag}@${digest}`,
    digest,
    node: "check-config",
    nodeUid: randomUUID(),
    podDeadline: config.images.prepullTimeout + config.prepuller.stuckPullTimeout,
  };
  try {
    await dryRunPod({ connection, namespace, deadlineMs: CALL_MS }, buildPrepullPod(settings, order, null), signal);
    return ok("prepuller.pod", `the API server would take a prepull pod in namespace ${namespace}${words}`);
  } catch (error) {
    return missing("prepuller.pod", `${reasonOf(error)}${words}`);
  }
}

/** The image that the registry was found to have; null where that takes longer than a call. */
async function knownImage({ registry, clock, signal }: Check): Promise<RegistryCheck["image"]> {
  try {
    return (await withDeadline(clock, CALL_MS, signal, () => registry)).image;
  } catch (error) {
    if (error instanceof DeadlineReached) return null;
    throw error;
  }
}

/** Our own words, and the API server's: they say which rule, webhook or quota it was. */
function reasonOf(error: unknown): string {
  if (!(error instanceof LabImagesError)) throw error;
  const isAnswer = error instanceof KubernetesRefusalError || error instanceof KubernetesAnswerError;
  if (!isAnswer || !(error.cause instanceof Error)) return error.message;
  return `${error.message}: ${quotePeer(error.cause.message)}`;
}
