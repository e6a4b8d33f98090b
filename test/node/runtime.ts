import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { pollUntil } from "../cluster/poll.ts";
import { type ServerProcess, startServer } from "../cluster/processes.ts";
import { createImage, createLayer, imageArchive } from "./images.ts";
import { STATE_FOLDER } from "./leftovers.ts";
import { pauseProgram } from "./programs.ts";

/** What a runtime is started with. */
export interface RuntimeOptions {
  readonly folder: string;
  /** Of its network and its bridge. */
  readonly name: string;
  readonly cniPlugins: string;
  /** As image references name it, and where it is reached instead. */
  readonly registry: { readonly host: string; readonly url: string };
}

/** A node's containerd with runc and a bridge of its own. */
export interface Runtime {
  readonly socket: string;
  /** Ends it, by SIGKILL unless told; its containers live on. */
  stop(signal?: NodeJS.Signals): Promise<void>;
  /** Starts it again and waits until it answers. */
  start(): Promise<void>;
  /** The names of all images: tags, digests and ids. */
  imageNames(): Promise<readonly string[]>;
  /** Removes an image with all its names, as `crictl rmi` does. */
  removeImage(digest: string): Promise<void>;
  /** Whether content with this digest is being fetched. */
  isFetching(digest: string): Promise<boolean>;
  logTail(): Promise<string>;
}

/** Not in any registry: sandboxes need nothing of the network. */
const PAUSE_IMAGE = "lab-images.test/pause:1";
const START_DEADLINE_MS = 120_000;
const CTR_DEADLINE_MS = 60_000;

/** Starts containerd, with the image that every sandbox needs. */
export async function startRuntime(options: RuntimeOptions): Promise<Runtime> {
  const { folder } = options;
  const socket = join(folder, "containerd.sock");
  const configPath = join(folder, "containerd.toml");
  await writeSettings(options, socket, configPath);
  const launch = () =>
    startServer("containerd", "containerd", ["--config", configPath], join(folder, "containerd.log"));
  const ctr = async (...args: readonly string[]): Promise<string> => {
    const all = ["--address", socket, "--namespace", "k8s.io", ...args];
    return (await promisify(execFile)("ctr", all, { timeout: CTR_DEADLINE_MS, maxBuffer: 1 << 26 })).stdout;
  };
  let server: ServerProcess = launch();

  async function untilItAnswers(): Promise<void> {
    const current = server;
    const limits = { timeoutMs: START_DEADLINE_MS, giveUp: () => current.ended() };
    await pollUntil("containerd to answer", async () => (await ctr("version")) !== "", limits).catch(async (error) => {
      throw new Error(`containerd did not start; the end of its log:\n${await current.logTail()}`, { cause: error });
    });
  }

  async function lines(...args: readonly string[]): Promise<string[]> {
    return (await ctr(...args)).split("\n").filter((line) => line !== "");
  }

  await untilItAnswers();
  await importPauseImage(folder, ctr);
  return {
    socket,
    stop: (signal = "SIGKILL") => server.stop(signal),
    async start() {
      server = launch();
      await untilItAnswers();
    },
    imageNames: () => lines("images", "list", "--quiet"),
    async removeImage(digest) {
      const listed = (await lines("images", "list")).filter((line) => line.includes(digest));
      const names = listed.map((line) => line.split(/\s+/)[0] ?? "");
      await ctr("images", "remove", ...names);
    },
    isFetching: async (digest) => (await lines("content", "active")).some((line) => line.includes(digest)),
    logTail: () => server.logTail(),
  };
}

async function importPauseImage(folder: string, ctr: (...args: readonly string[]) => Promise<string>): Promise<void> {
  const layer = await createLayer({ pause: { content: pauseProgram(), mode: 0o755 } });
  const archive = join(folder, "pause.tar");
  await writeFile(archive, imageArchive(createImage({ layers: [layer], entrypoint: "/pause" }), PAUSE_IMAGE));
  await ctr("images", "import", archive);
  // The CRI plugin learns of it by an event, and marks it then.
  await pollUntil("containerd's CRI plugin to take notice of the pause image", async () =>
    (await ctr("images", "list", `name==${PAUSE_IMAGE}`)).includes("io.cri-containerd.image=managed"),
  );
}

/** Whatever it would put outside of the folder is put into it, but the sockets of its shims, which are fixed. */
async function writeSettings(options: RuntimeOptions, socket: string, configPath: string): Promise<void> {
  const { folder, name, registry } = options;
  const network = {
    cniVersion: "0.4.0",
    name,
    plugins: [
      {
        type: "bridge",
        bridge: name,
        // Neither gateway nor masquerading: both would change the machine's own settings, and no pod here has to reach
        // anybody.
        isGateway: false,
        ipMasq: false,
        ipam: { type: "host-local", dataDir: join(folder, "ipam"), ranges: [[{ subnet: "10.88.0.0/16" }]] },
      },
    ],
  };
  const mirror = join(folder, "certs.d", registry.host);
  await mkdir(join(folder, "cni"), { recursive: true });
  await mkdir(mirror, { recursive: true });
  await writeFile(join(folder, "cni/10-bridge.conflist"), JSON.stringify(network));
  await writeFile(
    join(mirror, "hosts.toml"),
    `server = "${registry.url}"\n[host."${registry.url}"]\n  capabilities = ["pull", "resolve"]\n`,
  );
  await writeFile(
    configPath,
    `version = 2
root = "${folder}/containerd"
state = "${folder}/${STATE_FOLDER}"
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
]
[grpc]
  address = "${socket}"
[plugins."io.containerd.internal.v1.opt"]
  path = "${folder}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${PAUSE_IMAGE}"
  netns_mounts_under_state_dir = true
  # Where root lacks CAP_SYS_RESOURCE nobody may lower an oom_score_adj, which runc would try for the sandbox.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${options.cniPlugins}"
    conf_dir = "${folder}/cni"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "${folder}/certs.d"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      Root = "${folder}/runc"
`,
  );
}
