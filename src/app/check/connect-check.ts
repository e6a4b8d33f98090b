import type { ServedConfig } from "../../config/config.ts";
import { namedFiles } from "../../config/named-files.ts";
import { readRegularFile } from "../../lib/bytes.ts";
import type { Clock } from "../../ports.ts";
import { type Environment, namedKubeconfig } from "../environment.ts";
import { type Finding, missing } from "./finding.ts";
import { checkKubernetes } from "./kubernetes-check.ts";
import { checkRegistry } from "./registry-check.ts";

/** Exit status where something is missing. */
const INCOMPLETE = 3;

/** What a check works with. */
export interface CheckDeps {
  readonly environment: Environment;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly write: (line: string) => void;
}

/**
 * Asks the registry and the cluster of a valid configuration what the service will ask them, within half a minute, and
 * writes a line for each answer. Returns the exit status: 0, or 3 where something is missing. An abort of the signal rejects
 * with its reason.
 */
export async function checkConnections(
  config: ServedConfig,
  { environment, clock, random, write }: CheckDeps,
  signal: AbortSignal,
): Promise<number> {
  const registry = checkRegistry(config, clock, random, signal);
  const checks = await Promise.all([
    checkFiles(config, environment),
    registry.then(({ findings }) => findings),
    checkKubernetes({ config, environment, clock, registry }, signal),
  ]);
  const findings = checks.flat();
  for (const { isOk, key, message } of findings) write(`  ${isOk ? "ok     " : "missing"}  ${key}: ${message}\n`);
  return findings.every(({ isOk }) => isOk) ? 0 : INCOMPLETE;
}

async function checkFiles(config: ServedConfig, environment: Environment): Promise<readonly Finding[]> {
  const named = namedKubeconfig(config, environment);
  const fromOutside = named?.key === "KUBECONFIG" ? [{ key: named.key, file: named.path }] : [];
  const findings = [...namedFiles(config), ...fromOutside].map(async ({ key, file }) => {
    try {
      await readRegularFile(file);
      return [];
    } catch (error) {
      const code = error instanceof Error && "code" in error ? String(error.code) : "unknown reason";
      return [missing(key, `the file ${file} cannot be read (${code})`)];
    }
  });
  return (await Promise.all(findings)).flat();
}
