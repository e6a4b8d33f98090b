import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { stringify } from "yaml";

const PROGRAM = join(import.meta.dirname, "../../bin/lab-images.js");

/** One line of the process's log. */
export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** `lab-images serve` as a process of its own. */
export interface ServiceProcess extends AsyncDisposable {
  readonly pid: number;
  /** `127.0.0.1:port`. */
  readonly grpc: string;
  readonly http: string;
  /** Every line so far. */
  readonly log: readonly LogLine[];
  kill(signal: NodeJS.Signals): void;
  /** The exit status; null where a signal ended the process. */
  readonly exited: Promise<number | null>;
  /** Ends the process, by its id, and removes its files. */
  stop(): Promise<void>;
}

/** The ends of what a test has started, for when it fails: no process outlives the tests. */
const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** What else the process is started with. */
export interface ServiceProcessOptions {
  /** A module that is loaded before the program. */
  readonly preload?: string;
  /** A program with arguments that becomes the service: what follows it is the service's command line. */
  readonly enter?: readonly string[];
  /** Laid over this process's environment. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Leaves standard error unread. */
  readonly stalledErrors?: boolean;
}

/** Starts the service with this configuration (as in the file), ports chosen by the system, and waits until it listens. */
export async function startServiceProcess(
  config: Readonly<Record<string, unknown>>,
  { preload, enter = [], environment = {}, stalledErrors = false }: ServiceProcessOptions = {},
): Promise<ServiceProcess> {
  const directory = await mkdtemp(join(tmpdir(), "lab-images-"));
  const file = join(directory, "config.yaml");
  const listen = { grpc: { listen: "127.0.0.1:0" }, http: { listen: "127.0.0.1:0" } };
  await writeFile(file, stringify({ ...listen, ...config }));
  const options = preload === undefined ? [] : ["--import", preload];
  const [program, ...command] = [...enter, process.execPath, ...options, PROGRAM, "serve", "--config", file];
  const child = spawn(program ?? process.execPath, command, {
    stdio: ["ignore", "pipe", stalledErrors ? "pipe" : "inherit"],
    env: { ...process.env, ...environment },
  });
  running.add(child);
  const exited = once(child, "exit").then(([status]: unknown[]) => {
    running.delete(child);
    return typeof status === "number" ? status : null;
  });
  const stop = async (): Promise<void> => {
    if (running.has(child)) child.kill("SIGTERM");
    await exited;
    await rm(directory, { recursive: true, force: true });
  };
  const log: LogLine[] = [];
  const listening = await firstLine(child, log, (line) => line.msg === "listening", exited);
  return {
    pid: child.pid ?? 0,
    grpc: `127.0.0.1:${String(listening["grpcPort"])}`,
    http: `127.0.0.1:${String(listening["httpPort"])}`,
    log,
    kill: (signal) => child.kill(signal),
    exited,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** Collects the log, and answers the first line that is looked for; rejects where the process ends before it comes. */
function firstLine(
  child: ChildProcess,
  log: LogLine[],
  isWanted: (line: LogLine) => boolean,
  exited: Promise<number | null>,
): Promise<LogLine> {
  return new Promise((resolve, reject) => {
    if (child.stdout === null) throw new Error("the process has no standard output");
    createInterface({ input: child.stdout }).on("line", (text) => {
      const line: LogLine = JSON.parse(text);
      log.push(line);
      if (isWanted(line)) resolve(line);
    });
    void exited.then((status) => {
      const told = log.map((line) => JSON.stringify(line)).join("\n");
      reject(new Error(`the service ended with status ${status} before it listened:\n${told}`));
    });
  });
}
