import { readFile } from "node:fs/promises";
import { parseArguments, UsageError } from "./cli/arguments.ts";
import { runClient } from "./cli/clients/run-client.ts";
import { type Command, isClientCommand } from "./cli/command.ts";
import { USAGE } from "./cli/usage.ts";
import { ConfigError } from "./config/config-error.ts";
import { loadConfig } from "./config/load.ts";

/** Exit status for a command line or a configuration that cannot be used. */
const UNUSABLE = 2;

/** The program `lab-images`: reads the command line, does what it says, and sets the exit status. */
export async function main(argv: readonly string[]): Promise<void> {
  try {
    process.exitCode = await run(parseArguments(argv));
  } catch (error) {
    if (error instanceof UsageError) {
      process.stderr.write(`lab-images: ${error.message}\n\n${USAGE}`);
      process.exitCode = UNUSABLE;
    } else if (error instanceof ConfigError) {
      process.stderr.write(describeProblems(error));
      process.exitCode = UNUSABLE;
    } else throw error;
  }
}

async function run(command: Command): Promise<number> {
  if (isClientCommand(command)) return await runClient(command, clientIo());
  switch (command.name) {
    case "help":
      process.stdout.write(USAGE);
      return 0;
    case "version":
      process.stdout.write(`${await version()}\n`);
      return 0;
    case "check-config":
      await loadConfig(command.file);
      process.stdout.write(`${command.file}: the configuration is valid\n`);
      return 0;
    case "serve": {
      const { runServer } = await import("./app/run.ts");
      return await runServer(await loadConfig(command.config));
    }
    case "demo": {
      const { runDemo } = await import("./app/demo.ts");
      return await runDemo(command);
    }
  }
}

function clientIo() {
  const stopping = new AbortController();
  process.once("SIGINT", () => stopping.abort());
  process.once("SIGTERM", () => stopping.abort());
  return { stdout: process.stdout, stderr: process.stderr, signal: stopping.signal };
}

function describeProblems({ problems }: ConfigError): string {
  const lines = problems.map(({ path, message }) => `  ${path === "" ? "" : `${path}: `}${message}\n`);
  return `lab-images: the configuration cannot be used:\n${lines.join("")}`;
}

async function version(): Promise<string> {
  const manifest: unknown = JSON.parse(await readFile(new URL("../package.json", import.meta.url), "utf8"));
  return manifest !== null && typeof manifest === "object" && "version" in manifest ? String(manifest.version) : "";
}
