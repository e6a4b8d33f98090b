import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";

/** One running program of the control plane. */
export type ServerProcess = {
  readonly name: string;
  readonly logPath: string;
  /** How it ended, as a sentence, or `undefined` while it runs. */
  ended(): string | undefined;
  /** Ends it and waits until it is gone: SIGTERM unless told, and SIGKILL after the grace period. */
  stop(signal?: NodeJS.Signals): Promise<void>;
  /** Freezes it with SIGSTOP: its sockets stay open and nothing answers. */
  pause(): void;
  /** Lets a paused one go on. */
  resume(): void;
  /** The last lines that it wrote. */
  logTail(): Promise<string>;
};

const GRACE_MS = 15_000;
const TAIL_LINES = 40;
const FATAL_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** What is to be ended when this process ends without having called `stop`, and what is to be done after that. */
const running = new Set<ChildProcess>();
const lastSteps = new Set<() => void>();

/** Starts a program whose output goes, appended, to the given log file. */
export function startServer(name: string, command: string, args: readonly string[], logPath: string): ServerProcess {
  const log = openSync(logPath, "a");
  const child = spawn(command, args, { stdio: ["ignore", log, log] });
  closeSync(log);
  let end: string | undefined;
  const exit = new Promise<void>((resolve) => {
    const note = (text: string) => {
      end ??= text;
      running.delete(child);
      resolve();
    };
    child.once("error", (error) => note(`${name} did not start: ${error.message}`));
    child.once("exit", (code, signal) => note(`${name} ended with ${signal ?? `code ${code}`}`));
  });
  watchOver(child);
  return {
    name,
    logPath,
    ended: () => end,
    stop: (signal = "SIGTERM") => endChild(child, exit, signal),
    pause: () => child.kill("SIGSTOP"),
    resume: () => child.kill("SIGCONT"),
    logTail: async () => tail(await readFile(logPath, "utf8")),
  };
}

/**
 * Registers a synchronous step for the case that this process ends while servers run; returns how to take it back.
 * It runs after the servers have been killed.
 */
export function onAbandoned(step: () => void): () => void {
  lastSteps.add(step);
  return () => lastSteps.delete(step);
}

async function endChild(child: ChildProcess, exit: Promise<void>, signal: NodeJS.Signals): Promise<void> {
  child.kill(signal);
  // A stopped process takes no signal but SIGKILL until it goes on.
  child.kill("SIGCONT");
  const graceOver = new AbortController();
  const grace = delay(GRACE_MS, undefined, { signal: graceOver.signal })
    .then(() => child.kill("SIGKILL"))
    .catch(() => undefined);
  await exit;
  graceOver.abort();
  await grace;
}

function watchOver(child: ChildProcess): void {
  if (child.pid !== undefined) {
    running.add(child);
  }
  if (process.listeners("exit").includes(killAbandoned)) {
    return;
  }
  process.on("exit", killAbandoned);
  for (const signal of FATAL_SIGNALS) {
    process.once(signal, () => dieOf(signal));
  }
}

/** Signals skip the `exit` event; where nobody else handles them, this process still dies of them, but tidily. */
function dieOf(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) === 0) {
    killAbandoned();
    process.kill(process.pid, signal);
  }
}

function killAbandoned(): void {
  for (const child of running) {
    child.kill("SIGKILL");
  }
  for (const step of lastSteps) {
    step();
  }
}

function tail(text: string): string {
  return text.trimEnd().split("\n").slice(-TAIL_LINES).join("\n");
}
