import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A memory cgroup with a limit, for one process. */
export interface MemoryGroup extends Disposable {
  readonly limit: number;
  /** The front of a command line: a program that enters the group and becomes the rest of the line. */
  readonly enter: readonly string[];
  /** Bytes of memory that no file backs: the cache of files, which the kernel takes back at will, is not counted. */
  anonymousBytes(): number;
  /** How many processes of the group the kernel has killed for want of memory. */
  kills(): number;
}

/** How one version of the interface names things. */
interface Interface {
  readonly root: string;
  /** Files of limits with what is written to them; the second may be missing. */
  readonly limits: (bytes: number) => readonly (readonly [file: string, value: string])[];
  /** Key in memory.stat. */
  readonly anonymous: string;
  readonly events: string;
}

const V1: Interface = {
  root: "/sys/fs/cgroup/memory",
  limits: (bytes) => [
    ["memory.limit_in_bytes", String(bytes)],
    ["memory.memsw.limit_in_bytes", String(bytes)],
  ],
  anonymous: "rss",
  events: "memory.oom_control",
};

const V2: Interface = {
  root: "/sys/fs/cgroup",
  limits: (bytes) => [
    ["memory.max", String(bytes)],
    ["memory.swap.max", "0"],
  ],
  anonymous: "anon",
  events: "memory.events",
};

let made = 0;

/** Makes a group. Throws an Error that says in one sentence why this machine does not allow it. */
export function createMemoryGroup(limit: number): MemoryGroup {
  const { root, limits, anonymous, events } = usableInterface();
  made += 1;
  const path = join(root, `lab-images-${process.pid}-${made}`);
  const read = (file: string, key: string) => numberAt(readFileSync(join(path, file), "utf8"), key);
  try {
    mkdirSync(path);
    for (const [file, value] of limits(limit)) {
      if (existsSync(join(path, file))) writeFileSync(join(path, file), value);
    }
  } catch (cause) {
    throw new Error(`no memory cgroup can be made below ${root}: this suite needs root, or a delegated cgroup`, {
      cause,
    });
  }
  return {
    limit,
    enter: ["/bin/sh", "-c", `echo $$ > ${join(path, "cgroup.procs")} && exec "$@"`, "sh"],
    anonymousBytes: () => read("memory.stat", anonymous),
    kills: () => read(events, "oom_kill"),
    [Symbol.dispose]: () => rmdirSync(path),
  };
}

function usableInterface(): Interface {
  if (existsSync(join(V1.root, "memory.limit_in_bytes"))) return V1;
  const controllers = join(V2.root, "cgroup.controllers");
  if (!existsSync(controllers) || !/\bmemory\b/.test(readFileSync(controllers, "utf8"))) {
    throw new Error(
      "this machine has no memory cgroups: neither version 1 nor version 2 is mounted with that controller",
    );
  }
  delegateMemory();
  return V2;
}

/** In version 2 a group hands its controllers on only while no process is in it, unless it is the root of all. */
function delegateMemory(): void {
  const control = join(V2.root, "cgroup.subtree_control");
  if (/\bmemory\b/.test(readFileSync(control, "utf8"))) return;
  try {
    writeFileSync(control, "+memory");
  } catch {
    const leaf = join(V2.root, "lab-images-others");
    if (!existsSync(leaf)) mkdirSync(leaf);
    const processes = readFileSync(join(V2.root, "cgroup.procs"), "utf8").split("\n").filter(Boolean);
    for (const id of processes) writeFileSync(join(leaf, "cgroup.procs"), id);
    writeFileSync(control, "+memory");
  }
}

function numberAt(text: string, key: string): number {
  const value = new RegExp(`^${key} (\\d+)$`, "m").exec(text)?.[1];
  if (value === undefined) throw new Error(`the cgroup does not show ${key}`);
  return Number(value);
}
