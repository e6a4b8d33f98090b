import type { Toleration } from "../domain/nodes/node-report.ts";
import type { DropdownPolicy, ImageSettings, SourceSettings } from "../domain/settings.ts";
import { readRegularFile, UnusableFileError } from "../lib/bytes.ts";
import type { Config, RegistryAccess } from "./config.ts";
import { ConfigError } from "./config-error.ts";
import { fileProblems } from "./named-files.ts";
import { problemsOf } from "./problems.ts";
import { type ConfigFile, configSchema } from "./schema.ts";
import { MAX_YAML_BYTES, parseYaml } from "./yaml.ts";

/** Reads and checks a configuration file. Error: ConfigError, with everything that is wrong with it. */
export async function loadConfig(path: string): Promise<Config> {
  const config = parseConfig(decode(await read(path)));
  const problems = await fileProblems(config);
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}

/** Checks the text of a configuration file. Error: ConfigError, with everything that is wrong with it. */
export function parseConfig(text: string): Config {
  const data = parseYaml(text.replace(/^\uFEFF/, ""));
  const result = configSchema.safeParse(data);
  if (!result.success) throw new ConfigError(problemsOf(result.error, data));
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
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new ConfigError([{ path: "", message: "the file is not encoded in UTF-8" }]);
  }
}

function toConfig(file: ConfigFile): Config {
  const { images, http, grpc, prepuller } = file;
  return {
    images: toImageSettings(images),
    registryAccess: toRegistryAccess(images),
    dropdown: file.dropdownMenu satisfies DropdownPolicy,
    nodeSelector: file.nodeSelector,
    tolerations: file.tolerations.map(toToleration),
    kubernetes: file.kubernetes,
    prepuller,
    grpc: { listen: grpc.listen, insecure: grpc.insecure, tls: grpc.tls, limits: grpc.limits },
    http,
    log: { level: file.logLevel, profile: file.logProfile },
  };
}

function toImageSettings({ source, dockerCredentialsPath: _path, ...policy }: ConfigFile["images"]): ImageSettings {
  return { source: toSource(source), ...policy };
}

function toSource(source: ConfigFile["images"]["source"]): SourceSettings {
  if (source.type === "google") {
    const { apiEndpoint: _endpoint, ...google } = source;
    return google;
  }
  return { type: "docker", registry: source.registry, repository: source.repository };
}

function toRegistryAccess({ source, dockerCredentialsPath }: ConfigFile["images"]): RegistryAccess {
  const docker = source.type === "docker" ? source : null;
  return {
    insecure: docker?.insecure ?? false,
    tokenHosts: docker?.tokenHosts ?? [],
    caFile: docker?.caFile ?? null,
    certFile: docker?.certFile ?? null,
    keyFile: docker?.keyFile ?? null,
    credentialsPath: dockerCredentialsPath,
    apiEndpoint: source.type === "google" ? source.apiEndpoint : null,
  };
}

/** Absent fields stay absent, as the Kubernetes API has them. */
function toToleration(toleration: ConfigFile["tolerations"][number]): Toleration {
  return Object.fromEntries(Object.entries(toleration).filter(([, value]) => value !== null));
}
