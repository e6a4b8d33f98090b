import { closeSync, constants, fstatSync, openSync, writeSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";

/** Where log lines go. Never throws, never waits. */
export interface LogSink {
  /** Takes one line, with its line feed; drops and counts it where there is no room. */
  write(line: string): void;
  /** How many lines have been dropped so far. */
  dropped(): number;
  /** Settles when everything has been written, or when `withinMs` milliseconds (default: 1,000) have passed. */
  flush(withinMs?: number): Promise<void>;
}

/** A sink on a file descriptor. */
export interface FdSink extends LogSink {
  /** Writes what fits at once and lets go of the process; lines that come later are dropped. */
  close(): void;
}

/** How a sink on a file descriptor behaves. */
export interface FdSinkOptions {
  /** Default: 1, standard output. */
  readonly fd?: number | undefined;
  /** The most characters that wait for a slow reader. Default: 1 Mi. */
  readonly capacity?: number | undefined;
  /** Milliseconds between attempts while the reader stalls. Default: 50. */
  readonly retryInterval?: number | undefined;
}

/**
 * A sink that survives a reader which stalls or goes away (faults.md P4). Lines are gathered and written once a turn of
 * the event loop, through a descriptor that does not block, so that a full pipe costs an attempt and not the process.
 * Nothing is ever left with the kernel or a thread pool: neither a timer nor a pending write keeps the process from
 * exiting, and what fits is still written while it exits.
 */
export function createFdSink({ fd = 1, capacity = 1_048_576, retryInterval = 50 }: FdSinkOptions = {}): FdSink {
  const target = openNonBlocking(fd);
  let lines: string[] = [];
  let waiting = 0;
  let chunk = Buffer.alloc(0);
  let chunkLines = 0;
  let droppedLines = 0;
  let timer: NodeJS.Timeout | undefined;
  let immediate: NodeJS.Immediate | undefined;
  let closed = false;

  const isEmpty = () => lines.length === 0 && chunk.length === 0;

  function drop(): void {
    droppedLines += lines.length + chunkLines;
    lines = [];
    waiting = 0;
    chunk = Buffer.alloc(0);
    chunkLines = 0;
  }

  function drain(): void {
    immediate = undefined;
    clearTimeout(timer);
    timer = undefined;
    try {
      while (!isEmpty()) {
        if (chunk.length === 0) {
          chunk = Buffer.from(lines.join(""));
          chunkLines = lines.length;
          lines = [];
          waiting = 0;
        }
        chunk = chunk.subarray(writeSync(target.fd, chunk));
        if (chunk.length === 0) chunkLines = 0;
      }
    } catch (error) {
      // Anything but "try again" means that the reader is gone or the disk is full: what waits is lost.
      if (!isTryAgain(error)) drop();
      else if (!closed) timer = setTimeout(drain, retryInterval).unref();
    }
  }

  process.on("exit", drain);

  return {
    write(line) {
      if (closed || waiting + line.length > capacity) {
        droppedLines += 1;
        return;
      }
      lines.push(line);
      waiting += line.length;
      if (timer === undefined) immediate ??= setImmediate(drain).unref();
    },
    dropped: () => droppedLines,
    async flush(withinMs = 1_000) {
      const deadline = performance.now() + withinMs;
      for (drain(); !isEmpty() && performance.now() < deadline; drain()) await pause(10);
    },
    close() {
      if (closed) return;
      closed = true;
      process.off("exit", drain);
      clearImmediate(immediate);
      drain();
      drop();
      if (target.own) closeSync(target.fd);
    },
  };
}

function isTryAgain(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EAGAIN";
}

/**
 * A descriptor of the same target whose writes do not block. Pipes and terminals are opened again, so that the flag is
 * not set for other processes that share the descriptor. Where that is refused (sockets; a pipe of another user, as in
 * some containers), Node's own stream is made, which sets the flag on the descriptor itself. Files never stall.
 */
function openNonBlocking(fd: number): { readonly fd: number; readonly own: boolean } {
  const kind = fstatSync(fd);
  if (kind.isFile()) return { fd, own: false };
  try {
    return { fd: openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK), own: true };
  } catch {
    if (fd === 1) process.stdout.on("error", () => undefined);
    if (fd === 2) process.stderr.on("error", () => undefined);
    return { fd, own: false };
  }
}
