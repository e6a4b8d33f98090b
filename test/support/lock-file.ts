import { link, readFile, rm, writeFile } from "node:fs/promises";
import { pollUntil } from "../cluster/poll.ts";

/**
 * Acquires a lock between processes: a file with its holder's process id, linked into place so that it never exists
 * without that id. Returns what releases it.
 *
 * A holder that died leaves the file, so a file whose process is gone is removed. Two processes that find such a file
 * in the same instant may both acquire the lock.
 */
export async function acquireLock(path: string, timeoutMs: number): Promise<() => Promise<void>> {
  const claim = `${path}.${process.pid}`;
  await writeFile(claim, String(process.pid));
  try {
    await pollUntil(`another process to release ${path}`, () => tryAcquire(path, claim), {
      timeoutMs,
      intervalMs: 250,
    });
  } finally {
    await rm(claim, { force: true });
  }
  return () => rm(path, { force: true });
}

async function tryAcquire(path: string, claim: string): Promise<boolean> {
  try {
    await link(claim, path);
    return true;
  } catch {
    if (!isAlive(Number(await readFile(path, "utf8")))) {
      await rm(path, { force: true });
    }
    return false;
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // Somebody else's process may not be signalled, but it is there.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
