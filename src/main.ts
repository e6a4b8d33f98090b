import { readFile } from "node:fs/promises";
import type { Command } from "./cli/command.ts";

type PrintingCommand = Exclude<Command, { readonly name: "serve" }>;
type CheckCommand = Extract<Command, { readonly name: "check-config" }>;

/** Exit status for a command line or a configuration that cannot be used. */
const UNUSABLE = 2;
/** Exit statuses of a command that a signal ended, as shells give them. */
const INTERRUPTED: Readonly<Record<string, number>> = { SIGINT: 130, SIGTERM: 143 };

/**
 * The program `lab-images`: reads the command line, does what it says, and sets the exit status. `stopping` aborts with the
 * name of the first signal. What a command needs is loaded when it is known.
 */
export async function main(argv: readonly string[], stopping: AbortSignal): Promise<void> {
  const { parseArguments, UsageError } = await import("./cli/arguments.ts");
  const { ConfigError } = await import("./config/config-error.ts");
  try {
    const command = parseArguments(argv);
    process.exitCode =
      command.name === "serve" ? await serve(command.config, stopping) : await print(command, stopping);
  } catch (error) {
    if (error instanceof UsageError) {
      const { USAGE } = await import("./cli/usage.ts");
      complain(`lab-images: ${error.message}\n\n${USAGE}`);
    } else if (error instanceof ConfigError) complain(describeProblems(error.problems));
    else throw error;
    process.exitCode = UNUSABLE;
  }
}

/** The log has a sink of its own: Node's stream is not even made, since that would change the descriptor for others. */
async function serve(file: string, stopping: AbortSignal): Promise<number> {
  const { loadConfig } = await import("./config/load.ts");
  const { servedConfig } = await import("./config/served-config.ts");
  const config = servedConfig(await loadConfig(file));
  const { runServer } = await import("./app/run.ts");
  return await runServer(config, { configFile: file, stopping });
}

/** A command whose output is somebody's to read. */
async function print(command: PrintingCommand, stopping: AbortSignal): Promise<number> {
  const { watchOutput } = await import("./cli/output.ts");
  const output = watchOutput(process.stdout, process.stderr, (status) => {
    process.exitCode = status;
  });
  const status = await runCommand(command, AbortSignal.any([stopping, output.closed]));
  return output.status() ?? status;
}

function complain(text: string): void {
  process.stderr.on("error", () => undefined);
  process.stderr.write(text);
}

async function runCommand(command: PrintingCommand, stopping: AbortSignal): Promise<number> {
  switch (command.name) {
    case "help": {
      const { USAGE } = await import("./cli/usage.ts");
      process.stdout.write(USAGE);
      return 0;
    }
    case "version":
      process.stdout.write(`${await version()}\n`);
      return 0;
    case "check-config":
      return await checkConfig(command, stopping);
    case "import-nublado": {
      const { importNublado } = await import("./config/nublado/import.ts");
      const { text, notes } = await importNublado(command.file);
      process.stdout.write(text);
      for (const note of notes) process.stderr.write(`${note}\n`);
      return 0;
    }
    case "plan": {
      const { runPlan } = await import("./app/plan/run-plan.ts");
      await runPlan(command, (text) => void process.stdout.write(text));
      return 0;
    }
    case "demo": {
      const { runDemo } = await import("./app/demo.ts");
      return await runDemo({ ...command, stopping, write: (text) => void process.stdout.write(text) });
    }
    default: {
      const { runClient } = await import("./cli/clients/run-client.ts");
      const { stdout, stderr } = process;
      const status = await runClient(command, { stdout, stderr, signal: stopping });
      return status === 0 ? status : interruptedStatus(stopping, status);
    }
  }
}

async function checkConfig({ file, connect, print }: CheckCommand, stopping: AbortSignal): Promise<number> {
  const { loadConfig, loadLongForm } = await import("./config/load.ts");
  if (print) {
    process.stdout.write(await loadLongForm(file));
    return 0;
  }
  const { hintsOn } = await import("./config/hints.ts");
  const { servedConfig } = await import("./config/served-config.ts");
  const config = servedConfig(await loadConfig(file));
  const write = (line: string) => void process.stdout.write(line);
  write(`${file}: the configuration is valid\n`);
  for (const { path, message } of hintsOn(config)) write(`  hint: ${path}: ${message}\n`);
  if (!connect) return 0;
  const { checkConnections } = await import("./app/check/connect-check.ts");
  const { createSystemClock } = await import("./telemetry/system-clock.ts");
  const deps = { environment: process.env, clock: createSystemClock(), random: Math.random, write };
  try {
    return await checkConnections(config, deps, stopping);
  } catch (error) {
    if (!stopping.aborted) throw error;
    return interruptedStatus(stopping, 1);
  }
}

function interruptedStatus(stopping: AbortSignal, otherwise: number): number {
  return stopping.aborted ? (INTERRUPTED[String(stopping.reason)] ?? otherwise) : otherwise;
}

function describeProblems(problems: readonly { readonly path: string; readonly message: string }[]): string {
  const lines = problems.map(({ path, message }) => `  ${path === "" ? "" : `${path}: `}${message}\n`);
  return `lab-images: the configuration cannot be used:\n${lines.join("")}`;
}

async function version(): Promise<string> {
  const manifest: unknown = JSON.parse(await readFile(new URL("../package.json", import.meta.url), "utf8"));
  return manifest !== null && typeof manifest === "object" && "version" in manifest ? String(manifest.version) : "";
}
