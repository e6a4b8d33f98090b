import { writeFile } from "node:fs/promises";
import { stringify } from "yaml";

/** Whom a kubeconfig speaks to, and as whom. */
export type KubeconfigContent = {
  readonly url: string;
  readonly caPem: string;
  readonly user: string;
  readonly token: string;
  /** The namespace that clients take as their own; none unless told. */
  readonly namespace?: string;
};

/** Writes a kubeconfig with one context that needs no other file, readable by its owner only, and returns its path. */
export async function writeKubeconfig(path: string, content: KubeconfigContent): Promise<string> {
  const { url, caPem, user, token, namespace } = content;
  const certificateAuthority = Buffer.from(caPem).toString("base64");
  const text = stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [
      {
        name: "test",
        cluster: {
          server: url,
          "certificate-authority-data": certificateAuthority,
        },
      },
    ],
    users: [{ name: user, user: { token } }],
    contexts: [
      {
        name: "test",
        context: { cluster: "test", user, ...(namespace && { namespace }) },
      },
    ],
    "current-context": "test",
  });
  await writeFile(path, text, { mode: 0o600 });
  return path;
}
