import { readRegularFile, UnusableFileError } from "../lib/bytes.ts";
import type { Config } from "./config.ts";
import type { ConfigProblem } from "./config-error.ts";

/** A file that a configuration names, and the key that names it. */
export interface NamedFile {
  readonly key: string;
  readonly file: string;
}

/** The files that a configuration names. */
export function namedFiles({ registryAccess, kubernetes, grpc, http }: Config): readonly NamedFile[] {
  const files = {
    "images.source.caFile": registryAccess.caFile,
    "images.source.certFile": registryAccess.certFile,
    "images.source.keyFile": registryAccess.keyFile,
    "images.dockerCredentialsPath": registryAccess.credentialsPath,
    "kubernetes.kubeconfig": kubernetes.kubeconfig,
    ...tlsFiles("grpc.tls", grpc.tls),
    ...tlsFiles("http.tls", http.tls),
    "http.hookSecretFile": http.hookSecretFile,
  };
  return Object.entries(files).flatMap(([key, file]) => (file === null ? [] : [{ key, file }]));
}

function tlsFiles(key: string, tls: Config["grpc"]["tls"]): Readonly<Record<string, string | null>> {
  if (tls === null) return {};
  return Object.fromEntries(Object.entries(tls).map(([name, file]) => [`${key}.${name}`, file]));
}

/**
 * The named files that are there and can never be read: directories, devices, and what is too large. One that is not there
 * is no problem of the configuration: it may be mounted later, or elsewhere.
 */
export async function fileProblems(config: Config): Promise<readonly ConfigProblem[]> {
  const problems = namedFiles(config).map(async ({ key, file }) => {
    try {
      await readRegularFile(file);
      return [];
    } catch (error) {
      return error instanceof UnusableFileError ? [{ path: key, message: error.message }] : [];
    }
  });
  return (await Promise.all(problems)).flat();
}
