import { openSync, readSync } from "node:fs";

/**
 * A function that returns for how many milliseconds this thread, or the first thread of another process, has been ready to
 * run while others ran: the second number of Linux's schedstat. Taken off a time by the clock it leaves what the work itself takes on a busy machine. Where there
 * is no such file it is always 0, and the clock has to do.
 */
export function processorWait(pid?: number): () => number {
  const file = openSchedstat(pid === undefined ? "thread-self" : `${pid}/task/${pid}`);
  if (file === null) return () => 0;
  const text = Buffer.alloc(96);
  return () => {
    const length = readSync(file, text, 0, text.length, 0);
    return Number(text.toString("latin1", 0, length).split(" ")[1]) / 1e6;
  };
}

function openSchedstat(thread: string): number | null {
  try {
    return openSync(`/proc/${thread}/schedstat`, "r");
  } catch {
    return null;
  }
}
