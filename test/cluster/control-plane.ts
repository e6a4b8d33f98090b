import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ApiClient, ApiStatusError, createApiClient } from "./api-client.ts";
import { applyManifests } from "./apply.ts";
import { type ControlPlaneBinaries, findControlPlaneBinaries } from "./binaries.ts";
import { compactEtcd } from "./etcd.ts";
import { writeKubeconfig } from "./kubeconfig.ts";
import { type Launch, launchApiServer, launchControllerManager, launchEtcd } from "./launch.ts";
import { pollUntil } from "./poll.ts";
import { onAbandoned } from "./processes.ts";
import { prepareSetup, type Setup, type StaticToken } from "./servers.ts";

/** What a test may choose about its control plane. */
export type ControlPlaneOptions = {
  /** The programs; looked up with {@link findControlPlaneBinaries} unless given. */
  readonly binaries?: ControlPlaneBinaries;
  /**
   * Seconds without a sign of life after which the node lifecycle controller calls a node unreachable and taints it.
   *
   * A day unless told, so that a node played by a test lives without leases or heartbeats. A new node carries the
   * taint `node.kubernetes.io/not-ready` until its status has the condition `Ready` with status `True`; that one
   * condition, posted once, is all that a played kubelet owes. A test of the taints themselves sets a few seconds
   * here (Kubernetes' default is 50) and renews the node's lease in `kube-node-lease`.
   */
  readonly nodeGraceSeconds?: number;
  /** Further users, such as kubelets; the API server reads tokens of its file at its start only. */
  readonly users?: readonly StaticToken[];
  /** Further flags of kube-apiserver; a flag given here wins over the harness's own. */
  readonly apiServerFlags?: readonly string[];
};

/** A running etcd, kube-apiserver and kube-controller-manager, and handles on them. */
export type ControlPlane = {
  readonly url: string;
  readonly caPath: string;
  readonly caPem: string;
  readonly adminKubeconfigPath: string;
  /** The token of a user in `system:masters`, who may do everything. */
  readonly adminToken: string;
  /** Plain HTTP and JSON as that user. */
  readonly api: ApiClient;
  /** A client with another bearer token; the caller closes it. */
  clientFor(token: string): ApiClient;
  /** A token of an existing service account from the TokenRequest API, as pods have it: one hour unless told. */
  serviceAccountToken(namespace: string, name: string, expirationSeconds?: number): Promise<string>;
  /** The path of a kubeconfig with such a token. */
  kubeconfigForServiceAccount(namespace: string, name: string): Promise<string>;
  /** Server-side apply of all documents of a manifest, given as a path or as YAML. */
  apply(manifestPathOrYaml: string): Promise<void>;
  /** Ends the API server, gracefully unless told `SIGKILL`, while etcd and the controllers go on. */
  stopApiServer(signal?: "SIGTERM" | "SIGKILL"): Promise<void>;
  /** Starts it again on the same port with the same data and certificates, and waits until it is ready. */
  startApiServer(): Promise<void>;
  /** Both of the above. */
  restartApiServer(signal?: "SIGTERM" | "SIGKILL"): Promise<void>;
  /**
   * Starts the controller manager anew, and waits until its controllers work.
   *
   * For tests that need controllers after the API server was away: by themselves they come back with client-go's
   * growing pauses, which took between 2 s and 67 s after restarts in a row.
   */
  restartControllers(): Promise<void>;
  /** Freezes the API server with SIGSTOP: connections stay open, also new ones are taken, and nothing is answered. */
  pauseApiServer(): void;
  /** Lets it go on. */
  resumeApiServer(): void;
  /**
   * Makes continue tokens and resource versions of nodes that were given out so far expire, so that lists with them
   * answer 410. Takes up to 15 s, since the API server looks for compactions only that often.
   */
  expireHistory(): Promise<void>;
  /** Ends everything and deletes the folder with its logs. Twice is once. */
  stop(): Promise<void>;
};

type ApiServerControls = Pick<
  ControlPlane,
  "stopApiServer" | "startApiServer" | "restartApiServer" | "pauseApiServer" | "resumeApiServer"
>;

type ControllerControls = Pick<ControlPlane, "restartControllers">;

const DAY_SECONDS = 24 * 60 * 60;

/**
 * Starts a real control plane on loopback ports and waits until it serves and its controllers work.
 *
 * Everything lives in one temporary folder. Should the process end without `stop`, an exit handler kills the programs
 * (nothing can do so after a SIGKILL of this process) and deletes the data, but leaves the logs. If the start fails,
 * the error carries the end of the log, and the logs stay.
 */
export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const binaries = options.binaries ?? (await requireBinaries());
  await using cleanup = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "lab-images-cluster-"));
  const data = join(folder, "etcd");
  cleanup.defer(onAbandoned(() => rmSync(data, { recursive: true, force: true })));
  cleanup.defer(() => rm(data, { recursive: true, force: true }));

  const { setup, adminToken, adminKubeconfigPath, managerKubeconfig } = await prepare(folder, options.users ?? []);
  const { apiServerUrl: url, caPath, caPem } = setup;
  const api = createApiClient(url, caPem, adminToken);
  cleanup.defer(() => api.close());
  const { nodeGraceSeconds = DAY_SECONDS, apiServerFlags = [] } = options;
  const tuning = { nodeGraceSeconds, apiServerFlags };
  const controls = await launchAll({ binaries, setup, tuning, api, managerKubeconfig }, cleanup);

  const running = cleanup.move();
  return {
    url,
    caPath,
    caPem,
    adminToken,
    adminKubeconfigPath,
    api,
    ...identities(setup, api),
    ...controls,
    apply: (source) => applyManifests(api, source),
    expireHistory: () => expireHistory(setup, api),
    stop: async () => {
      await running.disposeAsync();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function requireBinaries(): Promise<ControlPlaneBinaries> {
  const lookup = await findControlPlaneBinaries();
  if (!lookup.available) {
    throw new Error(`No control plane can be started: ${lookup.reason}`);
  }
  return lookup.binaries;
}

type Prepared = Pick<ControlPlane, "adminToken" | "adminKubeconfigPath"> & Pick<Launch, "setup" | "managerKubeconfig">;

async function prepare(folder: string, users: readonly StaticToken[]): Promise<Prepared> {
  const manager = { token: newToken(), user: "system:kube-controller-manager" };
  const admin = { token: newToken(), user: "admin", group: "system:masters" };
  const setup = await prepareSetup(folder, [admin, manager, ...users]);
  const kubeconfig = ({ user, token }: { user: string; token: string }, file: string) =>
    writeKubeconfig(join(folder, file), { url: setup.apiServerUrl, caPem: setup.caPem, user, token });
  return {
    setup,
    adminToken: admin.token,
    adminKubeconfigPath: await kubeconfig(admin, "admin.kubeconfig"),
    managerKubeconfig: await kubeconfig(manager, "kube-controller-manager.kubeconfig"),
  };
}

function newToken(): string {
  return randomBytes(24).toString("base64url");
}

/** The stack ends them in the reverse order: the controllers before the server, and that before its store. */
async function launchAll(
  launch: Launch,
  cleanup: AsyncDisposableStack,
): Promise<ApiServerControls & ControllerControls> {
  const etcd = await launchEtcd(launch);
  cleanup.defer(() => etcd.stop());
  const controls = await launchControllableApiServer(launch);
  cleanup.defer(() => controls.stopApiServer("SIGKILL"));
  let manager = await launchControllerManager(launch);
  cleanup.defer(() => manager.stop("SIGKILL"));
  const restartControllers = async (): Promise<void> => {
    await manager.stop("SIGKILL");
    manager = await launchControllerManager(launch);
  };
  return { ...controls, restartControllers };
}

async function launchControllableApiServer(launch: Launch): Promise<ApiServerControls> {
  let server = await launchApiServer(launch);
  const stopApiServer: ControlPlane["stopApiServer"] = (signal) => server.stop(signal);
  const startApiServer = async (): Promise<void> => {
    if (server.ended() === undefined) {
      throw new Error("The API server runs already");
    }
    server = await launchApiServer(launch);
  };
  return {
    stopApiServer,
    startApiServer,
    restartApiServer: async (signal) => {
      await stopApiServer(signal);
      await startApiServer();
    },
    pauseApiServer: () => server.pause(),
    resumeApiServer: () => server.resume(),
  };
}

function identities(
  setup: Setup,
  api: ApiClient,
): Pick<ControlPlane, "clientFor" | "serviceAccountToken" | "kubeconfigForServiceAccount"> {
  const { apiServerUrl: url, caPem, folder } = setup;
  const serviceAccountToken: ControlPlane["serviceAccountToken"] = async (
    namespace,
    name,
    expirationSeconds = 3_600,
  ) => {
    const { status } = await api.request<{ status: { token: string } }>(
      "POST",
      `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`,
      { body: { spec: { expirationSeconds } } },
    );
    return status.token;
  };
  return {
    clientFor: (token) => createApiClient(url, caPem, token),
    serviceAccountToken,
    kubeconfigForServiceAccount: async (namespace, name) =>
      writeKubeconfig(join(folder, `${namespace}.${name}.kubeconfig`), {
        url,
        caPem,
        user: `${namespace}.${name}`,
        token: await serviceAccountToken(namespace, name),
        namespace,
      }),
  };
}

async function expireHistory(setup: Setup, api: ApiClient): Promise<void> {
  const list = await api.request<{ metadata: { resourceVersion: string } }>("GET", "/api/v1/nodes?limit=1");
  const { resourceVersion } = list.metadata;
  await compactEtcd(setup.etcdUrl);
  await pollUntil(`resource version ${resourceVersion} to expire`, async () => {
    try {
      await api.request("GET", `/api/v1/nodes?limit=1&resourceVersion=${resourceVersion}&resourceVersionMatch=Exact`);
      return false;
    } catch (error) {
      return error instanceof ApiStatusError && error.status === 410;
    }
  });
}
