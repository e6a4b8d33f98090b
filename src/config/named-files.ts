import { readRegularFile, UnusableFileError } from "../lib/bytes.ts";
import type { Config } from "./config.ts";
import type { ConfigProblem } from "./config-error.ts";

/** A file that a configuration names, and the key that names it. */
export interface NamedFile {
  readonly key: string;
  readonly file: string;
}

/** The files that a configuration names. */
export function namedFiles({ sources, kubernetes, grpc, http }: Config): readonly NamedFile[] {
  const files = [
    ...sources.flatMap(({ key, access }) => {
      const connection = key === "images" ? "images.source" : key;
      return [
        { key: `${connection}.caFile`, file: access.caFile },
        { key: `${connection}.certFile`, file: access.certFile },
        { key: `${connection}.keyFile`, file: access.keyFile },
        { key: key === "images" ? "images.dockerCredentialsPath" : `${key}.credentials`, file: access.credentialsPath },
      ];
    }),
    { key: "kubernetes.kubeconfig", file: kubernetes.kubeconfig },
    ...tlsFiles("grpc.tls", grpc.tls),
    ...tlsFiles("http.tls", http.tls),
    { key: "http.hookSecretFile", file: http.hookSecretFile },
  ];
  return files.flatMap(({ key, file }) => (file === null ? [] : [{ key, file }]));
}

function tlsFiles(key: string, tls: Config["grpc"]["tls"]) {
  return Object.entries(tls ?? {}).map(([name, file]: [string, string | null]) => ({ key: `${key}.${name}`, file }));
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
