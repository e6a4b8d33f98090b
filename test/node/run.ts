import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, readlink, rm, symlink, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { acquireLock } from "../support/lock-file.ts";
import { removeLeftovers } from "./leftovers.ts";

/** A run of the suite: where it keeps its files, and what it may call its own on this machine. */
export interface Run {
  /** Everything that the run writes. */
  readonly folder: string;
  /** Prefix of the names of its bridges, cgroups and networks; no other run has it. */
  readonly name: string;
  /** A port that no other run takes; below those that Linux gives to outgoing connections. */
  port(index: number): number;
  /** Ends all that the run has started and removes all that it has made. */
  end(): Promise<void>;
}

/** The process that a run belongs to. */
interface Owner {
  readonly pid: number;
  /** Tells it from a later process with the same id. */
  readonly startTime: string;
}

/**
 * One link to its run's folder for each run. A fixed place, since bridges, cgroups and ports are the machine's; a
 * reboot empties it and removes all that it is about.
 */
export const RUNS = "/run/lab-images-node";
/** Before a run makes its own folder that of all temporary files. */
const TEMPORARY = tmpdir();
const MAX_RUNS = 64;
const FIRST_PORT = 30_000;
const PORTS_PER_RUN = 16;
const OWNER_FILE = "owner.json";
/** Removing what a dead run has left takes seconds. */
const LOCK_DEADLINE_MS = 300_000;

/** Variable of the environment by which the processes of a run are found, whoever has started them. */
export const RUN_VARIABLE = "LAB_IMAGES_NODE_RUN";

/**
 * Begins a run, after removing what runs have left whose process is gone. Should this process end without `end`, a
 * watchdog removes what it has left, and where the watchdog was killed as well the next run does. A process has one run
 * at a time: what it starts meanwhile belongs to it, and so do its temporary files.
 */
export async function beginRun(): Promise<Run> {
  await mkdir(RUNS, { recursive: true });
  const folder = await mkdtemp(join(TEMPORARY, "lab-images-node-"));
  await writeFile(join(folder, OWNER_FILE), JSON.stringify(await ownerOf(process.pid)));
  const slot = await underLock(async () => {
    for (let taken = 0; taken < MAX_RUNS; taken += 1) await removeDeadRun(taken);
    return claimSlot(folder);
  });
  const watchdog = startWatchdog(slot);
  endWithRunner();
  process.env[RUN_VARIABLE] = folder;
  process.env["TMPDIR"] = join(folder, "tmp");
  await mkdir(join(folder, "tmp"));
  return {
    folder,
    name: nameOf(slot),
    port: (index) => FIRST_PORT + slot * PORTS_PER_RUN + index,
    async end() {
      await removeRun(slot, folder);
      watchdog.end();
    },
  };
}

/** Removes what the run in this slot has left, unless its process is alive. */
export async function removeIfDead(slot: number): Promise<void> {
  await underLock(() => removeDeadRun(slot));
}

async function removeDeadRun(slot: number): Promise<void> {
  const folder = await readlink(join(RUNS, String(slot))).catch(() => null);
  if (folder !== null && !(await isAlive(folder))) await removeRun(slot, folder);
}

async function removeRun(slot: number, folder: string): Promise<void> {
  await removeLeftovers({ folder, name: nameOf(slot), variable: RUN_VARIABLE });
  await rm(folder, { recursive: true, force: true });
  await unlink(join(RUNS, String(slot)));
}

function nameOf(slot: number): string {
  return `labnode${slot}`;
}

async function claimSlot(folder: string): Promise<number> {
  for (let slot = 0; slot < MAX_RUNS; slot += 1) {
    try {
      await symlink(folder, join(RUNS, String(slot)));
      return slot;
    } catch {
      // Somebody else's.
    }
  }
  throw new Error(`${MAX_RUNS} runs of the node suite are under way on this machine`);
}

async function underLock<T>(work: () => Promise<T>): Promise<T> {
  const release = await acquireLock(join(RUNS, "lock"), LOCK_DEADLINE_MS);
  try {
    return await work();
  } finally {
    await release();
  }
}

async function isAlive(folder: string): Promise<boolean> {
  try {
    const owner: Owner = JSON.parse(await readFile(join(folder, OWNER_FILE), "utf8"));
    return (await ownerOf(owner.pid)).startTime === owner.startTime;
  } catch {
    return false;
  }
}

/** Rejects where there is no such process; one that has ended and was not waited for yet counts as gone. */
async function ownerOf(pid: number): Promise<Owner> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8");
  // The second field is the program's name in brackets, which may have blanks; the state follows, and the start time is
  // the 22nd.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [state, startTime] = [fields[0], fields[19]];
  if (state === "Z" || startTime === undefined) throw new Error(`process ${pid} has ended`);
  return { pid, startTime };
}

/** It waits for the end of a pipe that only this process holds open, which comes however this process ends. */
function startWatchdog(slot: number): { end(): void } {
  const args = [join(import.meta.dirname, "watchdog.ts"), String(slot)];
  const child = spawn(process.execPath, args, { detached: true, stdio: ["pipe", "ignore", "inherit"] });
  child.unref();
  const { stdin } = child;
  if ("unref" in stdin && typeof stdin.unref === "function") stdin.unref();
  return { end: () => stdin.destroy() };
}

/** The test runner starts each file as a process of its own, which outlives it where it is killed. */
function endWithRunner(): void {
  const runner = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid !== runner) process.kill(process.pid, "SIGKILL");
  }, 1_000);
  timer.unref();
}
