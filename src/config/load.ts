import type { DropdownPolicy } from "../domain/settings.ts";
import type { Config } from "./config.ts";
import { ConfigError } from "./config-error.ts";
import { readConfigText } from "./config-text.ts";
import { fileProblems } from "./named-files.ts";
import { printLongForm } from "./print.ts";
import { problemsOf } from "./problems.ts";
import { type ConfigFile, configSchema } from "./schema.ts";
import { setProblems } from "./set-checks.ts";
import { toImages, toSets, toSources, toToleration } from "./to-settings.ts";
import { parseYaml } from "./yaml.ts";

/** Reads and checks a configuration file. Error: ConfigError, with everything that is wrong with it. */
export async function loadConfig(path: string): Promise<Config> {
  return await checkConfigText(await readConfigText(path));
}

/** Checks the text of a configuration file, and the files that it names. Error: ConfigError. */
export async function checkConfigText(text: string): Promise<Config> {
  const config = parseConfig(text);
  const problems = await fileProblems(config);
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}

/** Reads and checks a configuration file. Returns its long form as YAML. Error: ConfigError. */
export async function loadLongForm(path: string): Promise<string> {
  const text = await readConfigText(path);
  await checkConfigText(text);
  return printLongForm(parseYaml(text));
}

/** Checks the text of a configuration file. Error: ConfigError, with everything that is wrong with it. */
export function parseConfig(text: string): Config {
  const data = parseYaml(text);
  const result = configSchema.safeParse(data);
  const problems = problemsOf(result.error?.issues ?? [], data, setProblems(data));
  if (problems.length > 0 || !result.success) throw new ConfigError(problems);
  return toConfig(result.data);
}

function toConfig(file: ConfigFile): Config {
  const { http, grpc, prepuller, menu } = file;
  return {
    images: toImages(file),
    sources: toSources(file),
    sets: toSets(file),
    menu: { prepulledOnPercent: menu.prepulledOn, newNodeGraceMs: menu.newNodeGrace },
    dropdown: file.dropdownMenu satisfies DropdownPolicy,
    nodeSelector: file.nodeSelector,
    nodeExpressions: file.nodeExpressions,
    tolerations: file.tolerations.map(toToleration),
    kubernetes: file.kubernetes,
    prepuller,
    grpc: { listen: grpc.listen, insecure: grpc.insecure, tls: grpc.tls, auth: grpc.auth, limits: grpc.limits },
    http,
    log: { level: file.logLevel, profile: file.logProfile },
  };
}
