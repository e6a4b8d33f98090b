import { existsSync } from "node:fs";
import { delimiter } from "node:path";
import type { ServedConfig } from "../config/config.ts";
import { KubernetesUnavailableError } from "../domain/errors.ts";
import type { KubernetesConnection } from "../kubernetes/client/connection.ts";

/** Where a pod says who it is: `POD_NAME`, `POD_NAMESPACE`, `DEPLOYMENT_NAME` (see `deploy/`), and `KUBECONFIG`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A kubeconfig, and what names it: a key of the configuration or a variable of the environment. */
export interface NamedKubeconfig {
  readonly key: "kubernetes.kubeconfig" | "KUBECONFIG";
  readonly path: string;
}

/**
 * The kubeconfig that is configured, or that the environment names; null for the pod's own account. `KUBECONFIG` is a list,
 * as kubectl has it: the first file that exists is used, and nothing is merged. Where none exists it is the first of them.
 */
export function namedKubeconfig({ kubernetes }: ServedConfig, environment: Environment): NamedKubeconfig | null {
  if (kubernetes.kubeconfig !== null) return { key: "kubernetes.kubeconfig", path: kubernetes.kubeconfig };
  const paths = (environment["KUBECONFIG"] ?? "").split(delimiter).filter((path) => path !== "");
  const path = paths.find((each) => existsSync(each)) ?? paths[0];
  return path === undefined ? null : { key: "KUBECONFIG", path };
}

/** Namespace of the prepuller's pods. Error: KubernetesUnavailableError where neither we nor the kubeconfig have one. */
export async function podNamespace(
  { prepuller }: ServedConfig,
  environment: Environment,
  connection: KubernetesConnection,
): Promise<string> {
  const known = prepuller.namespace ?? environment["POD_NAMESPACE"] ?? (await connection.namespace());
  if (known) return known;
  throw new KubernetesUnavailableError("no namespace for the prepuller's pods is known: set prepuller.namespace");
}

/** Distinguishes this installation from all others in the cluster, as far as it is known (field case F44). */
export function ownInstance(environment: Environment, leaseName: string): string {
  const own = ownDeployment(environment);
  return own === null ? leaseName : `${own.namespace}.${own.name}.${leaseName}`;
}

/** Our own Deployment; null where we run in none. */
export function ownDeployment(environment: Environment): { readonly namespace: string; readonly name: string } | null {
  const { DEPLOYMENT_NAME: name, POD_NAMESPACE: namespace } = environment;
  return name && namespace ? { namespace, name } : null;
}
