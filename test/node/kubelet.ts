import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type ServerProcess, startServer } from "../cluster/processes.ts";

/** What a kubelet is started with. */
export interface KubeletOptions {
  readonly binary: string;
  readonly folder: string;
  /** Of its node. */
  readonly name: string;
  readonly kubeconfig: string;
  readonly port: number;
  readonly runtimeSocket: string;
  /** Below the root of each hierarchy; there already. */
  readonly cgroup: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Fields of KubeletConfiguration that differ from the suite's own. */
  readonly settings: Readonly<Record<string, unknown>>;
}

/** A node's kubelet. */
export interface Kubelet {
  /** Ends it, by SIGKILL unless told; pods and pulls live on. */
  stop(signal?: NodeJS.Signals): Promise<void>;
  /** Starts it again, with other settings where they are given. */
  start(settings?: Readonly<Record<string, unknown>>): Promise<void>;
  logTail(): Promise<string>;
}

/** Starts a kubelet, and does not wait for its node. */
export async function startKubelet(options: KubeletOptions): Promise<Kubelet> {
  const { binary, folder, name, kubeconfig, labels } = options;
  const config = join(folder, "kubelet.json");
  const args = [
    `--config=${config}`,
    `--kubeconfig=${kubeconfig}`,
    `--hostname-override=${name}`,
    `--root-dir=${join(folder, "kubelet")}`,
    `--cert-dir=${join(folder, "pki")}`,
    `--node-labels=${Object.entries(labels)
      .map(([key, value]) => `${key}=${value}`)
      .join(",")}`,
  ];
  await mkdir(join(folder, "kubelet"), { recursive: true });
  async function launch(settings: Readonly<Record<string, unknown>>): Promise<ServerProcess> {
    await writeFile(config, JSON.stringify({ ...defaults(options), ...settings }));
    return startServer("kubelet", binary, args, join(folder, "kubelet.log"));
  }
  let server = await launch(options.settings);
  return {
    stop: (signal = "SIGKILL") => server.stop(signal),
    async start(settings = options.settings) {
      server = await launch(settings);
    },
    logTail: () => server.logTail(),
  };
}

function defaults({ folder, port, runtimeSocket, cgroup }: KubeletOptions): Readonly<Record<string, unknown>> {
  return {
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    failCgroupV1: false,
    cgroupDriver: "cgroupfs",
    // Two kubelets with one root would remove each other's pods.
    cgroupRoot: `/${cgroup}`,
    containerRuntimeEndpoint: `unix://${runtimeSocket}`,
    address: "127.0.0.1",
    port,
    healthzPort: 0,
    authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
    authorization: { mode: "AlwaysAllow" },
    failSwapOn: false,
    makeIPTablesUtilChains: false,
    resolvConf: "",
    clusterDNS: ["10.96.0.10"],
    clusterDomain: "cluster.local",
    volumePluginDir: join(folder, "volume-plugins"),
    podLogsDir: join(folder, "log/pods"),
    // The disk is not the node's alone: nothing is collected or evicted for want of room unless a test asks for it.
    imageGCHighThresholdPercent: 100,
    evictionHard: {
      "memory.available": "50Mi",
      "nodefs.available": "1%",
      "imagefs.available": "1%",
      "nodefs.inodesFree": "1%",
      "imagefs.inodesFree": "1%",
    },
  };
}
