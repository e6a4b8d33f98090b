import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { findNodeBinaries, type NodeBinaries } from "../cluster/binaries.ts";
import { canMakePrograms } from "./programs.ts";

/** What of the machine the suite uses. */
export interface Machine {
  readonly binaries: NodeBinaries;
  /** The folder of the CNI plugins. */
  readonly cniPlugins: string;
}

/** Debian's, and everybody else's. */
const CNI_FOLDERS = ["/usr/lib/cni", "/opt/cni/bin"];
const COMMANDS = ["containerd", "containerd-shim-runc-v2", "ctr", "runc", "docker-registry", "ip", "umount"];
/** Of cgroup v1, and of v2. */
const CGROUPS = ["/sys/fs/cgroup/memory", "/sys/fs/cgroup/cgroup.controllers"];

/** Looks at the machine; rejects with one sentence where the suite cannot run on it. */
export async function requireMachine(): Promise<Machine> {
  const lookup = await missingRequirement();
  if (typeof lookup === "string") throw new Error(`Real nodes cannot be started here: ${lookup}.`);
  return lookup;
}

async function missingRequirement(): Promise<string | Machine> {
  if (process.platform !== "linux") return "that needs Linux";
  if (!canMakePrograms) return `there is no machine code for ${process.arch}`;
  if (process.getuid?.() !== 0) return "that needs root";
  if ((await firstUsable(CGROUPS, constants.R_OK)) === null) return "no cgroups are mounted below /sys/fs/cgroup";
  for (const command of COMMANDS) {
    const places = (process.env["PATH"] ?? "").split(delimiter).map((folder) => join(folder, command));
    if ((await firstUsable(places, constants.X_OK)) === null) return `${command} is not on the PATH`;
  }
  const bridge = await firstUsable(
    CNI_FOLDERS.map((folder) => join(folder, "bridge")),
    constants.X_OK,
  );
  if (bridge === null) return `no CNI plugins are in ${CNI_FOLDERS.join(" or ")}`;
  const lookup = await findNodeBinaries();
  return lookup.available ? { binaries: lookup.binaries, cniPlugins: join(bridge, "..") } : lookup.reason;
}

async function firstUsable(paths: readonly string[], mode: number): Promise<string | null> {
  for (const path of paths) {
    const usable = await access(path, mode).then(
      () => true,
      () => false,
    );
    if (usable) return path;
  }
  return null;
}
