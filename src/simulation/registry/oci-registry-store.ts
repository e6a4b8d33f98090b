import { createHash } from "node:crypto";

/** The four kinds of manifest that registries hold: those of Docker and of OCI, for one platform and for several. */
export const manifestMediaTypes = {
  "oci-manifest": "application/vnd.oci.image.manifest.v1+json",
  "oci-index": "application/vnd.oci.image.index.v1+json",
  "docker-manifest": "application/vnd.docker.distribution.manifest.v2+json",
  "docker-list": "application/vnd.docker.distribution.manifest.list.v2+json",
} as const;

export type ManifestKind = keyof typeof manifestMediaTypes;

/** What is pushed under a tag. */
export interface PushOptions {
  /** A manifest that this repository holds already: the tag shares it. Excludes the other options. */
  readonly digest?: string;
  /** Makes manifests distinct; the same content and size give the same digest. The tag's own name unless given. */
  readonly content?: string;
  /** Compressed size of the one layer that the manifest lists; 0 bytes of it exist. 1 GB unless given. */
  readonly sizeBytes?: number;
  /** `oci-manifest` unless given. */
  readonly kind?: ManifestKind;
}

/** A manifest as it is served: its digest is the hash of exactly these bytes. */
export interface StoredManifest {
  readonly digest: string;
  readonly mediaType: string;
  readonly bytes: Buffer;
}

/** The repositories of one registry. Maps throughout, since a tag may be called `__proto__`. */
export interface RegistryStore {
  /** Stores the manifest of a push, without its tag, creating the repository on the way. */
  put(repository: string, tag: string, options: PushOptions): StoredManifest;
  /** Lets the tag name a manifest that was put. */
  tag(repository: string, tag: string, digest: string): void;
  /** False where there was no such tag. The manifest stays, as in real registries until they collect garbage. */
  remove(repository: string, tag: string): boolean;
  /** Tags in the order in which they are listed (by code unit), or null where there is no such repository. */
  tags(repository: string): readonly string[] | null;
  hasRepository(repository: string): boolean;
  /** By tag or digest. */
  manifest(repository: string, reference: string): StoredManifest | null;
}

interface Repository {
  readonly digestByTag: Map<string, string>;
  readonly manifests: Map<string, StoredManifest>;
  sortedTags: readonly string[] | null;
}

const DEFAULT_LAYER_BYTES = 1_000_000_000;

function byCodeUnit(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

function sha256(bytes: Buffer | string): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

/** A manifest of one layer, or an index of one such manifest, as JSON with a stable order of keys. */
function document(kind: ManifestKind, content: string, sizeBytes: number): object {
  const mediaType = manifestMediaTypes[kind];
  if (kind === "oci-index" || kind === "docker-list") {
    const childKind = kind === "oci-index" ? "oci-manifest" : "docker-manifest";
    const child = build(childKind, content, sizeBytes);
    const platform = { architecture: "amd64", os: "linux" };
    const manifests = [{ mediaType: child.mediaType, digest: child.digest, size: child.bytes.length, platform }];
    return { schemaVersion: 2, mediaType, manifests };
  }
  const oci = kind === "oci-manifest";
  const config = JSON.stringify({ architecture: "amd64", os: "linux", config: { Labels: { content } } });
  return {
    schemaVersion: 2,
    mediaType,
    config: {
      mediaType: oci ? "application/vnd.oci.image.config.v1+json" : "application/vnd.docker.container.image.v1+json",
      digest: sha256(config),
      size: Buffer.byteLength(config),
    },
    layers: [
      {
        mediaType: oci
          ? "application/vnd.oci.image.layer.v1.tar+gzip"
          : "application/vnd.docker.image.rootfs.diff.tar.gzip",
        digest: sha256(`layer of ${content}`),
        size: sizeBytes,
      },
    ],
  };
}

function build(kind: ManifestKind, content: string, sizeBytes: number): StoredManifest {
  const bytes = Buffer.from(JSON.stringify(document(kind, content, sizeBytes)));
  return { digest: sha256(bytes), mediaType: manifestMediaTypes[kind], bytes };
}

/** An empty registry. */
export function createRegistryStore(): RegistryStore {
  const repositories = new Map<string, Repository>();

  function repositoryOf(name: string): Repository {
    const known = repositories.get(name);
    if (known !== undefined) return known;
    const created: Repository = { digestByTag: new Map(), manifests: new Map(), sortedTags: null };
    repositories.set(name, created);
    return created;
  }

  function manifestToPush(repository: Repository, tag: string, options: PushOptions): StoredManifest {
    if (options.digest === undefined) {
      return build(options.kind ?? "oci-manifest", options.content ?? tag, options.sizeBytes ?? DEFAULT_LAYER_BYTES);
    }
    const shared = repository.manifests.get(options.digest);
    if (shared === undefined) throw new Error(`the simulated repository holds no manifest ${options.digest}`);
    return shared;
  }

  return {
    put(name, tag, options) {
      const repository = repositoryOf(name);
      const manifest = manifestToPush(repository, tag, options);
      repository.manifests.set(manifest.digest, manifest);
      return manifest;
    },
    tag(name, tag, digest) {
      const repository = repositoryOf(name);
      repository.digestByTag.set(tag, digest);
      repository.sortedTags = null;
    },
    remove(name, tag) {
      const repository = repositories.get(name);
      if (repository === undefined) return false;
      repository.sortedTags = null;
      return repository.digestByTag.delete(tag);
    },
    tags(name) {
      const repository = repositories.get(name);
      if (repository === undefined) return null;
      repository.sortedTags ??= [...repository.digestByTag.keys()].sort(byCodeUnit);
      return repository.sortedTags;
    },
    hasRepository: (name) => repositories.has(name),
    manifest(name, reference) {
      const repository = repositories.get(name);
      if (repository === undefined) return null;
      return repository.manifests.get(repository.digestByTag.get(reference) ?? reference) ?? null;
    },
  };
}
