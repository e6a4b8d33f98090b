import { access, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ControlPlane } from "../cluster/control-plane.ts";
import { writeKubeconfig } from "../cluster/kubeconfig.ts";
import { pollUntil } from "../cluster/poll.ts";
import { type FaultProxy, startFaultProxy } from "../support/fault-proxy.ts";
import { findContainerd2 } from "./containerd2.ts";
import { type Kubelet, startKubelet } from "./kubelet.ts";
import type { Machine } from "./requirements.ts";
import type { Run } from "./run.ts";
import { type Runtime, startRuntime } from "./runtime.ts";

/** What a test may choose about a node. */
export interface NodeOptions {
  /** Fields of KubeletConfiguration. */
  readonly kubelet?: Readonly<Record<string, unknown>>;
  readonly labels?: Readonly<Record<string, string>>;
  /** Version of the runtime: the machine's own, 1, unless given. */
  readonly containerd?: 1 | 2;
}

/** What all nodes of a cluster have in common. */
export interface NodeWorld {
  readonly machine: Machine;
  readonly run: Run;
  readonly plane: ControlPlane;
  readonly registry: { readonly host: string };
  /** The token of a user `system:node:NAME`. */
  readonly tokenOf: (name: string) => string;
}

/** An image of the node's status. */
export interface ReportedImage {
  readonly names: readonly string[];
  readonly sizeBytes: number;
}

/** As much of a Node object as the suite looks at. */
export interface NodeObject {
  readonly metadata: { readonly uid: string };
  readonly status: {
    readonly images?: readonly ReportedImage[];
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

/** A real node: containerd and a kubelet of its own. */
export interface RealNode extends AsyncDisposable {
  readonly name: string;
  /** All that containerd exchanges with the registry passes through it. */
  readonly link: FaultProxy;
  readonly runtime: Runtime;
  readonly kubelet: Kubelet;
  /** Rejects where there is no Node object. */
  object(): Promise<NodeObject>;
  isReady(): Promise<boolean>;
  /** Whether the node's own report names this digest. */
  reports(digest: string): Promise<boolean>;
  untilReady(): Promise<void>;
}

const CGROUPS = "/sys/fs/cgroup";
const READY_DEADLINE_MS = 240_000;

/** Starts a node, and does not wait until it is ready. Its processes end, and all traces go, with the run. */
export async function startNode(
  name: string,
  index: number,
  world: NodeWorld,
  options: NodeOptions,
): Promise<RealNode> {
  const { machine, run, plane, registry } = world;
  const folder = join(run.folder, name);
  // Of bridge, network and cgroup; a bridge's name has 15 letters at most.
  const mark = `${run.name}-${index}`;
  await mkdir(folder, { recursive: true });
  const [host = "", port] = registry.host.split(":");
  const link = await startFaultProxy({ host, port: Number(port) });
  const url = `http://127.0.0.1:${link.port}`;
  const { cniPlugins } = machine;
  const containerd2 = options.containerd === 2 ? await findContainerd2() : null;
  const mirror = { host: registry.host, url };
  const runtime = await startRuntime({ folder, name: mark, cniPlugins, registry: mirror, containerd2 });
  await createCgroup(mark);
  const user = `system:node:${name}`;
  const kubeconfig = await writeKubeconfig(join(folder, "kubeconfig"), { ...plane, user, token: world.tokenOf(name) });
  const kubelet = await startKubelet({
    binary: machine.binaries.kubelet,
    folder,
    name,
    kubeconfig,
    port: run.port(index),
    runtimeSocket: runtime.socket,
    cgroup: mark,
    labels: options.labels ?? {},
    settings: options.kubelet ?? {},
  });
  const object = () => plane.api.request<NodeObject>("GET", `/api/v1/nodes/${name}`);
  const isReady = async () => {
    const { conditions = [] } = (await object()).status;
    return conditions.some(({ type, status }) => type === "Ready" && status === "True");
  };
  return {
    name,
    link,
    runtime,
    kubelet,
    object,
    isReady,
    async reports(digest) {
      const { images = [] } = (await object()).status;
      return images.some(({ names }) => names.some((each) => each.endsWith(`@${digest}`)));
    },
    async untilReady() {
      try {
        await pollUntil(`node ${name} to be ready`, isReady, { timeoutMs: READY_DEADLINE_MS, intervalMs: 200 });
      } catch (error) {
        throw new Error(`the end of the kubelet's log:\n${await kubelet.logTail()}`, { cause: error });
      }
    },
    async [Symbol.asyncDispose]() {
      await kubelet.stop();
      await link.close();
    },
  };
}

/** One in each hierarchy of cgroup v1, or one in v2, with all controllers. */
async function createCgroup(name: string): Promise<void> {
  const controllers = await readFile(join(CGROUPS, "cgroup.controllers"), "utf8").catch(() => null);
  if (controllers !== null) {
    const wanted = controllers
      .trim()
      .split(" ")
      .map((controller) => `+${controller}`);
    await writeFile(join(CGROUPS, "cgroup.subtree_control"), wanted.join(" "));
    await mkdir(join(CGROUPS, name));
    return;
  }
  for (const hierarchy of await hierarchiesOfVersion1()) await mkdir(join(hierarchy, name));
}

async function hierarchiesOfVersion1(): Promise<string[]> {
  const mounts = (await readFile("/proc/self/mountinfo", "utf8")).split("\n").map((line) => line.split(" "));
  const isVersion1 = (fields: readonly string[]) => fields[fields.indexOf("-") + 1] === "cgroup";
  const paths = mounts.filter(isVersion1).map((fields) => fields[4] ?? "");
  const usable = await Promise.all(
    paths.map((path) =>
      access(join(path, "tasks")).then(
        () => [path],
        () => [],
      ),
    ),
  );
  return usable.flat();
}
