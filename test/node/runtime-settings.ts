import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { STATE_FOLDER } from "./leftovers.ts";
import type { RuntimeOptions } from "./runtime.ts";

/** What a containerd of either version is configured with. */
export interface RuntimeSettings extends RuntimeOptions {
  readonly socket: string;
  /** Of every sandbox. */
  readonly pauseImage: string;
}

/**
 * Writes the settings of a node's containerd and of its network. Whatever they would put outside of the folder is put into
 * it, but the sockets of its shims, which are fixed.
 */
export async function writeRuntimeSettings(options: RuntimeSettings, path: string): Promise<void> {
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
  const { containerd2 } = options;
  await writeFile(path, containerd2 === null ? version1(options) : version2(options, containerd2));
}

function version1({ folder, socket, pauseImage, cniPlugins }: RuntimeSettings): string {
  return `version = 2
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
  sandbox_image = "${pauseImage}"
  netns_mounts_under_state_dir = true
  # Where root lacks CAP_SYS_RESOURCE nobody may lower an oom_score_adj, which runc would try for the sandbox.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${cniPlugins}"
    conf_dir = "${folder}/cni"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "${folder}/certs.d"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      Root = "${folder}/runc"
`;
}

function version2({ folder, socket, pauseImage, cniPlugins }: RuntimeSettings, programs: string): string {
  return `version = 3
root = "${folder}/containerd"
state = "${folder}/${STATE_FOLDER}"
disabled_plugins = [
  "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
]
[grpc]
  address = "${socket}"
[plugins."io.containerd.internal.v1.opt"]
  path = "${folder}/opt"
# Its socket would be the machine's.
[plugins."io.containerd.nri.v1.nri"]
  disable = true
[plugins."io.containerd.cri.v1.images"]
  [plugins."io.containerd.cri.v1.images".pinned_images]
    sandbox = "${pauseImage}"
  [plugins."io.containerd.cri.v1.images".registry]
    config_path = "${folder}/certs.d"
[plugins."io.containerd.cri.v1.runtime"]
  netns_mounts_under_state_dir = true
  # Where root lacks CAP_SYS_RESOURCE nobody may lower an oom_score_adj, which runc would try for the sandbox.
  restrict_oom_score_adj = true
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = ["${cniPlugins}"]
    conf_dir = "${folder}/cni"
  [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    # The one on the PATH is of version 1.
    runtime_path = "${programs}/containerd-shim-runc-v2"
    [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
      Root = "${folder}/runc"
`;
}
