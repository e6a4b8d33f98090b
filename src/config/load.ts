import type { DropdownPolicy } from "../domain/settings.ts";
import { readRegularFile, UnusableFileError } from "../lib/bytes.ts";
import type { Config } from "./config.ts";
import { ConfigError } from "./config-error.ts";
import { fileProblems } from "./named-files.ts";
import { printLongForm } from "./print.ts";
import { problemsOf } from "./problems.ts";
import { type ConfigFile, configSchema } from "./schema.ts";
import { setProblems } from "./set-checks.ts";
import { toImages, toSets, toSources, toToleration } from "./to-settings.ts";
import { MAX_YAML_BYTES, parseYaml } from "./yaml.ts";

/** Reads and checks a configuration file. Error: ConfigError, with everything that is wrong with it. */
export async function loadConfig(path: string): Promise<Config> {
  return await withFiles(parseConfig(decode(await read(path))));
}

/** Reads and checks a configuration file. Returns its long form as YAML. Error: ConfigError. */
export async function loadLongForm(path: string): Promise<string> {
  const text = decode(await read(path));
  await withFiles(parseConfig(text));
  return printLongForm(parseYaml(text));
}

/** The configuration, if the files that it names can be read. Error: ConfigError. */
async function withFiles(config: Config): Promise<Config> {
  const problems = await fileProblems(config);
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}

/** Checks the text of a configuration file. Error: ConfigError, with everything that is wrong with it. */
export function parseConfig(text: string): Config {
  const data = parseYaml(text);
  const result = configSchema.safeParse(data);
  const problems = problemsOf(result.error?.issues ?? [], data, setProblems(data));
  if (problems.length > 0 || !result.success) throw new ConfigError(problems);
  return toConfig(result.data);
}

async function read(path: string): Promise<Buffer> {
  try {
    return await readRegularFile(path, MAX_YAML_BYTES);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown reason";
    const why = error instanceof UnusableFileError ? error.message : code;
    throw new ConfigError([{ path: "", message: `the file ${path} cannot be read (${why})` }]);
  }
}

function decode(bytes: Buffer): string {
  try {
    // A byte order mark is left out.
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new ConfigError([{ path: "", message: "the file is not encoded in UTF-8" }]);
  }
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
    grpc: { listen: grpc.listen, insecure: grpc.insecure, tls: grpc.tls, limits: grpc.limits },
    http,
    log: { level: file.logLevel, profile: file.logProfile },
  };
}
