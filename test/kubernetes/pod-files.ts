import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The files of a service account, as a pod finds them. */
export interface PodFiles extends AsyncDisposable {
  /** What stands before their usual paths. */
  readonly prefix: string;
  /** Writes `token`, `ca.crt` or `namespace`. */
  write(name: string, text: string): Promise<void>;
  remove(name: string): Promise<void>;
}

/** The files that a pod finds, and the variables that lead to the server; both vanish with the object. */
export async function podFiles(port: number): Promise<PodFiles> {
  const prefix = await mkdtemp(join(tmpdir(), "lab-images-pod-"));
  const folder = join(prefix, "var/run/secrets/kubernetes.io/serviceaccount");
  await mkdir(folder, { recursive: true });
  process.env["KUBERNETES_SERVICE_HOST"] = "127.0.0.1";
  process.env["KUBERNETES_SERVICE_PORT"] = String(port);
  return {
    prefix,
    write: (name, text) => writeFile(join(folder, name), text),
    remove: (name) => rm(join(folder, name)),
    async [Symbol.asyncDispose]() {
      delete process.env["KUBERNETES_SERVICE_HOST"];
      delete process.env["KUBERNETES_SERVICE_PORT"];
      await rm(prefix, { recursive: true, force: true });
    },
  };
}
