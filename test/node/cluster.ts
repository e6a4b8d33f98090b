import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { type ControlPlane, startControlPlane } from "../cluster/control-plane.ts";
import { DEPLOYED, deployManifests } from "../cluster/prepuller-cluster.ts";
import {
  type DockerRegistry,
  type DockerRegistryOptions,
  htpasswdAccount,
  startDockerRegistry,
} from "../support/docker-registry.ts";
import { type NotificationRelay, startNotificationRelay } from "../support/notification-relay.ts";
import { type Audit, prepareAudit } from "./audit.ts";
import { type NodeOptions, type RealNode, startNode } from "./node.ts";
import { requireMachine } from "./requirements.ts";
import { beginRun, type Run } from "./run.ts";

/** What a test may choose about its cluster. */
export interface ClusterOptions {
  /** By name; two nodes without a wish unless given. */
  readonly nodes?: Readonly<Record<string, NodeOptions>>;
  /** One account instead of none. */
  readonly isPrivate?: boolean;
}

/** A control plane, a registry and real nodes, all ready, with everything of `deploy/` applied. */
export interface RealCluster extends AsyncDisposable {
  readonly run: Run;
  readonly plane: ControlPlane;
  /** What the service has asked the API server for. */
  readonly audit: Audit;
  readonly registry: DockerRegistry;
  /** Where the registry keeps its files. */
  readonly registryFolder: string;
  /** The one account of a private registry, and the path of the file that names it to the service. */
  readonly account: { readonly username: string; readonly password: string };
  readonly dockerConfigPath: string;
  /** Where the registry sends its notifications. */
  readonly hook: NotificationRelay;
  /** Path of the file with their secret. */
  readonly hookSecretFile: string;
  readonly nodes: readonly RealNode[];
  node(name: string): RealNode;
  /** Path of a kubeconfig with the rights that `deploy/` gives to the service, and no other. */
  readonly serviceKubeconfig: string;
  /** Runs kubectl as the administrator; returns what it prints. */
  kubectl(...args: readonly string[]): Promise<string>;
}

/** Kubernetes' own default: a node that is silent for so long gets a taint. */
const NODE_GRACE_SECONDS = 50;
const KUBECTL_DEADLINE_MS = 180_000;
const REGISTRY_PORT = 0;
const HOOK_SECRET = "canary-hook-secret";

/** Starts a cluster. Rejects with one sentence where the machine lacks something. */
export async function startCluster(options: ClusterOptions = {}): Promise<RealCluster> {
  // What the Deployment sets for its pods. Processes of the service inherit it, and it names their prepull pods.
  process.env["POD_NAMESPACE"] = DEPLOYED;
  process.env["DEPLOYMENT_NAME"] = DEPLOYED;
  const machine = await requireMachine();
  await using cleanup = new AsyncDisposableStack();
  const run = await beginRun();
  cleanup.defer(() => run.end());
  const wishes = Object.entries(options.nodes ?? { alder: {}, beech: {} });
  const tokens = new Map(wishes.map(([name]) => [name, randomBytes(24).toString("base64url")]));
  const users = [...tokens].map(([name, token]) => ({ token, user: `system:node:${name}`, group: "system:nodes" }));
  const registryFolder = join(run.folder, "registry");
  const hook = cleanup.use(await startNotificationRelay());
  const hookSecretFile = join(run.folder, "hook-secret");
  await writeFile(hookSecretFile, HOOK_SECRET);
  const dockerConfigPath = join(run.folder, "docker-config.json");
  const registryOptions: DockerRegistryOptions = {
    auth: { kind: options.isPrivate === true ? "htpasswd" : "none" },
    port: run.port(REGISTRY_PORT),
    dir: registryFolder,
    notifications: { url: hook.url, authorization: `Bearer ${HOOK_SECRET}` },
  };
  const registry = cleanup.adopt(await startDockerRegistry(registryOptions), (it) => it.close());
  const { username, password } = htpasswdAccount;
  const auth = Buffer.from(`${username}:${password}`).toString("base64");
  await writeFile(dockerConfigPath, JSON.stringify({ auths: { [registry.host]: { auth } } }));
  const { binaries } = machine;
  const audit = await prepareAudit(run.folder);
  const { apiServerFlags } = audit;
  const plane = await startControlPlane({ binaries, users, apiServerFlags, nodeGraceSeconds: NODE_GRACE_SECONDS });
  cleanup.defer(() => plane.stop());
  for (const path of await deployManifests()) await plane.apply(path);
  const world = { machine, run, plane, registry, tokenOf: (name: string) => tokens.get(name) ?? "" };
  const nodes = await Promise.all(wishes.map(([name, wish], index) => startNode(name, index + 1, world, wish)));
  for (const node of nodes) cleanup.use(node);
  await Promise.all(nodes.map((node) => node.untilReady()));
  const serviceKubeconfig = await plane.kubeconfigForServiceAccount(DEPLOYED, DEPLOYED);
  const running = cleanup.move();
  return {
    run,
    plane,
    audit,
    registry,
    registryFolder,
    hook,
    account: htpasswdAccount,
    dockerConfigPath,
    hookSecretFile,
    nodes,
    node(name) {
      const found = nodes.find((each) => each.name === name);
      if (found === undefined) throw new Error(`no node is called ${name}`);
      return found;
    },
    serviceKubeconfig,
    async kubectl(...args) {
      const all = ["--kubeconfig", plane.adminKubeconfigPath, ...args];
      return (await promisify(execFile)(binaries.kubectl, all, { timeout: KUBECTL_DEADLINE_MS })).stdout;
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}
