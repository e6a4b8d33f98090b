import { createHash } from "node:crypto";

/** Digest and length of what was pushed, as a descriptor names them. */
export interface PushedBlob {
  readonly digest: string;
  readonly size: number;
}

/** Pushes to one repository of a registry, and deletes, over the registry's own API. Rejects with what it answered. */
export interface RegistryWriter {
  pushBlob(content: Uint8Array): Promise<PushedBlob>;
  /** Pushes a manifest or an index under a tag or its digest; returns its digest. */
  pushManifest(reference: string, mediaType: string, content: Uint8Array): Promise<string>;
  /** Deletes the manifest of a tag. */
  delete(tag: string): Promise<void>;
}

const MANIFEST_TYPES = [
  "application/vnd.docker.distribution.manifest.v2+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.oci.image.index.v1+json",
];

/** Returns the digest of these bytes, with its algorithm. */
export function sha256(content: Uint8Array): string {
  return `sha256:${createHash("sha256").update(content).digest("hex")}`;
}

/** Makes a writer for the repository at this URL (`…/v2/NAME`); `headers` is called for each request. */
export function createRegistryWriter(base: string, headers: () => Readonly<Record<string, string>>): RegistryWriter {
  async function call(method: string, target: string, body: Uint8Array | null = null, type?: string) {
    const answer = await fetch(new URL(target, base), {
      method,
      headers: {
        ...headers(),
        accept: MANIFEST_TYPES.join(", "),
        ...(type === undefined ? {} : { "content-type": type }),
      },
      body: body === null ? null : new Uint8Array(body),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`the registry answers ${answer.status} to ${method} ${target}: ${text}`);
    return answer;
  }

  return {
    async pushBlob(content) {
      const digest = sha256(content);
      const opened = await call("POST", `${base}/blobs/uploads/`);
      const location = new URL(opened.headers.get("location") ?? "", base);
      location.searchParams.set("digest", digest);
      await call("PUT", location.href, content, "application/octet-stream");
      return { digest, size: content.byteLength };
    },
    async pushManifest(reference, mediaType, content) {
      await call("PUT", `${base}/manifests/${reference}`, content, mediaType);
      return sha256(content);
    },
    async delete(tag) {
      const answer = await call("HEAD", `${base}/manifests/${tag}`);
      await call("DELETE", `${base}/manifests/${answer.headers.get("docker-content-digest")}`);
    },
  };
}
