import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { CertificateAndKey } from "../cluster/certificates.ts";

/** Files of a server as a kubelet mounts a Secret: `tls.crt` and its like are links through `..data`, which is swapped. */
export interface MountedFiles {
  readonly certFile: string;
  readonly keyFile: string;
  readonly clientCAFile: string;
  readonly directory: string;
  /** Replaces all files at once. */
  swap(files: Readonly<Record<string, string>>): Promise<void>;
}

/** The files of a pair, with an authority of clients where one is given. */
export function pairFiles(pair: CertificateAndKey, clientCA?: string): Readonly<Record<string, string>> {
  const files = { "tls.crt": pair.certificatePem, "tls.key": pair.privateKeyPem };
  return clientCA === undefined ? files : { ...files, "ca.crt": clientCA };
}

/** Mounts these files for a test. */
export async function mountFiles(context: TestContext, files: Readonly<Record<string, string>>): Promise<MountedFiles> {
  const directory = await mkdtemp(join(tmpdir(), "lab-images-tls-"));
  context.after(() => rm(directory, { recursive: true, force: true }));
  let versions = 0;

  async function swap(next: Readonly<Record<string, string>>): Promise<void> {
    versions += 1;
    const version = `..version_${versions}`;
    await mkdir(join(directory, version));
    for (const [name, content] of Object.entries(next)) await writeFile(join(directory, version, name), content);
    await symlink(version, join(directory, "..data_tmp"));
    await rename(join(directory, "..data_tmp"), join(directory, "..data"));
  }

  await swap(files);
  for (const name of ["tls.crt", "tls.key", "ca.crt"]) await symlink(join("..data", name), join(directory, name));
  return {
    directory,
    certFile: join(directory, "tls.crt"),
    keyFile: join(directory, "tls.key"),
    clientCAFile: join(directory, "ca.crt"),
    swap,
  };
}
