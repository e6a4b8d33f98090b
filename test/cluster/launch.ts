import { join } from "node:path";
import { type ApiClient, ApiStatusError } from "./api-client.ts";
import type { ControlPlaneBinaries } from "./binaries.ts";
import { isEtcdHealthy } from "./etcd.ts";
import { pollUntil } from "./poll.ts";
import { type ServerProcess, startServer } from "./processes.ts";
import { apiServerArgs, controllerManagerArgs, etcdArgs, type ServerTuning, type Setup } from "./servers.ts";

/** All that the programs of one control plane are started with. */
export type Launch = {
  readonly binaries: ControlPlaneBinaries;
  readonly setup: Setup;
  readonly tuning: ServerTuning;
  /** The administrator's client, by which readiness is seen. */
  readonly api: ApiClient;
  readonly managerKubeconfig: string;
};

/** Generous: reached only when something is wrong, also on two busy cores. */
const READY_DEADLINE_MS = 120_000;
const PROBE_DEADLINE_MS = 5_000;

/** Starts etcd; resolves when it serves. */
export function launchEtcd({ binaries, setup }: Launch): Promise<ServerProcess> {
  const server = startServer("etcd", binaries.etcd, etcdArgs(setup), join(setup.folder, "etcd.log"));
  return whenReady(server, () => isEtcdHealthy(setup.etcdUrl));
}

/** Starts kube-apiserver; resolves when `/readyz` says so, which includes the built-in roles. */
export function launchApiServer(launch: Launch): Promise<ServerProcess> {
  const { binaries, setup, tuning, api } = launch;
  const server = startServer(
    "kube-apiserver",
    binaries.apiServer,
    apiServerArgs(setup, tuning),
    join(setup.folder, "kube-apiserver.log"),
  );
  return whenReady(server, () => answers(api, "/readyz"));
}

/**
 * Starts kube-controller-manager; resolves when the namespace `default` has its service account and the authority's
 * certificate: the outcome of two controllers, and what a pod there needs in order to be admitted. The certificate is
 * taken away first, so that it proves something at a restart too.
 */
export async function launchControllerManager(launch: Launch): Promise<ServerProcess> {
  const { binaries, setup, tuning, api, managerKubeconfig } = launch;
  const account = "/api/v1/namespaces/default/serviceaccounts/default";
  const certificate = "/api/v1/namespaces/default/configmaps/kube-root-ca.crt";
  await deleteIfThere(api, certificate);
  const server = startServer(
    "kube-controller-manager",
    binaries.controllerManager,
    controllerManagerArgs(setup, managerKubeconfig, tuning),
    join(setup.folder, "kube-controller-manager.log"),
  );
  return whenReady(server, async () => (await answers(api, account)) && (await answers(api, certificate)));
}

async function deleteIfThere(api: ApiClient, path: string): Promise<void> {
  try {
    await api.request("DELETE", path);
  } catch (error) {
    if (!(error instanceof ApiStatusError && error.status === 404)) {
      throw error;
    }
  }
}

async function answers(api: ApiClient, path: string): Promise<boolean> {
  const signal = AbortSignal.timeout(PROBE_DEADLINE_MS);
  await api.request("GET", path, { signal });
  return true;
}

/** A server that does not get ready is ended, and the end of its log becomes part of the error. */
async function whenReady(server: ServerProcess, probe: () => Promise<boolean>): Promise<ServerProcess> {
  try {
    await pollUntil(`${server.name} to be ready`, probe, {
      timeoutMs: READY_DEADLINE_MS,
      giveUp: server.ended,
    });
    return server;
  } catch (error) {
    await server.stop("SIGKILL");
    throw new Error(
      `${server.name} did not get ready. The end of its log, ${server.logPath}:\n${await server.logTail()}`,
      { cause: error },
    );
  }
}
