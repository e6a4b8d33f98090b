import { execFile } from "node:child_process";
import { glob, readdir, readFile, readlink, rm, rmdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";

/** What a run can be told by. */
export interface RunMarks {
  /** Where its files are. */
  readonly folder: string;
  /** Prefix of the names of its bridges, cgroups and networks. */
  readonly name: string;
  /** Variable of its processes' environment that holds the folder. */
  readonly variable: string;
}

/** Name of the folder, in that of a node, where its containerd keeps what does not outlive a reboot. */
export const STATE_FOLDER = "state";

const run = promisify(execFile);
const CGROUPS = "/sys/fs/cgroup";
/** Where libcni keeps the outcome of each container's network, with the path of its namespace. */
const CNI_RESULTS = "/var/lib/cni/results";
/** Where kubelets put links to the logs of all containers. */
const CONTAINER_LOGS = "/var/log/containers";
/** A process that was killed is gone at once, but one that writes to a disk may take its time. */
const KILL_DEADLINE_MS = 60_000;

/**
 * Ends all processes of a run and removes its containers, mounts, bridges and cgroups: without asking anybody, since
 * whoever could be asked may be dead, and whatever the state it is in. The folder is left to the caller.
 */
export async function removeLeftovers(marks: RunMarks): Promise<void> {
  const cgroups = await cgroupsOf(marks.name);
  await endProcesses(async () => [...(await processesOf(marks)), ...(await membersOf(cgroups))]);
  await removeSockets(marks.folder);
  await unmountBelow(marks.folder);
  await removeBridges(marks.name);
  await removeMatching(CNI_RESULTS, async (path) => (await textOf(path)).includes(`${marks.folder}/`));
  await removeMatching(CONTAINER_LOGS, async (path) => (await readlink(path)).startsWith(`${marks.folder}/`));
  // The deepest first: a cgroup with children cannot be removed.
  for (const cgroup of cgroups.toReversed()) await removeCgroup(cgroup);
}

async function endProcesses(find: () => Promise<readonly number[]>): Promise<void> {
  const deadline = performance.now() + KILL_DEADLINE_MS;
  for (let pids = await find(); pids.length > 0; pids = await find()) {
    if (performance.now() > deadline) throw new Error(`processes that cannot be killed: ${pids.join(", ")}`);
    for (const pid of pids) kill(pid);
    await delay(20);
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // Gone by itself.
  }
}

async function processesOf({ folder, variable }: RunMarks): Promise<number[]> {
  const mark = `${variable}=${folder}`;
  const found: number[] = [];
  for (const entry of await readdir("/proc")) {
    const environment = /^\d+$/.test(entry) ? await textOf(`/proc/${entry}/environ`) : "";
    if (environment.split("\0").includes(mark) && Number(entry) !== process.pid) found.push(Number(entry));
  }
  return found;
}

async function membersOf(cgroups: readonly string[]): Promise<number[]> {
  const lists = await Promise.all(cgroups.map((path) => textOf(join(path, "cgroup.procs"))));
  return lists.flatMap((list) => list.split("\n").filter(Boolean).map(Number));
}

/** Of cgroup v1, where each hierarchy has its own, and of v2; those above before those below. */
async function cgroupsOf(name: string): Promise<string[]> {
  const hierarchies = [CGROUPS, ...(await foldersIn(CGROUPS))];
  const roots = (await Promise.all(hierarchies.map(foldersIn))).flat();
  const own = [...new Set(roots)].filter((path) => basename(path).startsWith(`${name}-`));
  const all: string[] = [];
  for (const path of own) all.push(...(await withFoldersBelow(path)));
  return all;
}

async function withFoldersBelow(path: string): Promise<string[]> {
  const below = await Promise.all((await foldersIn(path)).map(withFoldersBelow));
  return [path, ...below.flat()];
}

async function foldersIn(path: string): Promise<string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map((entry) => join(path, entry.name));
}

async function removeCgroup(path: string): Promise<void> {
  const deadline = performance.now() + KILL_DEADLINE_MS;
  for (;;) {
    const failure = await rmdir(path).then(
      () => null,
      (error: unknown) => error,
    );
    if (failure === null || !(failure instanceof Error && "code" in failure) || failure.code === "ENOENT") return;
    // The kernel keeps a cgroup busy for a moment after its last process is gone.
    if (performance.now() > deadline) throw failure;
    await delay(20);
  }
}

/**
 * A shim's socket is not where its containerd keeps its state, but that is where its address is written: in a file of its
 * own by containerd 1, in one with other fields by containerd 2.
 */
async function removeSockets(folder: string): Promise<void> {
  const bundles = `*/${STATE_FOLDER}/io.containerd.runtime.v2.task/*/*`;
  for await (const path of glob([`${bundles}/address`, `${bundles}/bootstrap.json`], { cwd: folder })) {
    const [, socket] = /unix:\/\/(\/run\/containerd\/s\/[0-9a-f]+)/.exec(await textOf(join(folder, path))) ?? [];
    if (socket !== undefined) await rm(socket, { force: true });
  }
}

async function unmountBelow(folder: string): Promise<void> {
  const mounts = (await textOf("/proc/self/mountinfo"))
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .filter((path) => path.startsWith(`${folder}/`));
  // The last mounted first.
  for (const path of mounts.toReversed()) await run("umount", ["--lazy", path]);
}

async function removeBridges(name: string): Promise<void> {
  const links = await readdir("/sys/class/net");
  for (const link of links.filter((each) => each.startsWith(`${name}-`))) await run("ip", ["link", "delete", link]);
}

async function removeMatching(folder: string, isOurs: (path: string) => Promise<boolean>): Promise<void> {
  for (const entry of await readdir(folder).catch(() => [])) {
    const path = join(folder, entry);
    if (await isOurs(path).catch(() => false)) await rm(path, { force: true });
  }
}

/** Empty where it cannot be read: processes and cgroups go while one looks at them. */
async function textOf(path: string): Promise<string> {
  return readFile(path, "utf8").catch(() => "");
}
