import { randomBytes } from "node:crypto";
import { promisify } from "node:util";
import { constants, gzip } from "node:zlib";
import { type RegistryWriter, sha256 } from "../support/registry-writer.ts";
import { trueProgram } from "./programs.ts";
import { type TarFile, tar } from "./tar.ts";

/** A layer as it is pushed, and the digest of its archive, by which the runtime checks what it has unpacked. */
export interface Layer {
  readonly blob: Buffer;
  readonly diffId: string;
}

/** A manifest or an index with all that it refers to. */
export interface Image {
  readonly mediaType: string;
  readonly content: Buffer;
  readonly digest: string;
  readonly architecture: string;
  readonly blobs: readonly Buffer[];
  /** The manifests of an index. */
  readonly manifests: readonly Image[];
}

/** What an image may be made of; whatever is left out makes it one that runs. */
export interface ImageOptions {
  readonly layers: readonly Layer[];
  readonly architecture?: string;
  readonly entrypoint?: string;
  readonly configMediaType?: string;
  readonly layerMediaType?: string;
}

const OCI = "application/vnd.oci.image.";
const INDEX_TYPE = `${OCI}index.v1+json`;

/** Architecture of this machine, as images name it. */
export const ARCHITECTURE = process.arch === "x64" ? "amd64" : process.arch;
/** Another one. */
export const FOREIGN_ARCHITECTURE = ARCHITECTURE === "arm64" ? "amd64" : "arm64";

/** Makes a layer of these files. Nothing is compressed: what fills images here is random. */
export async function createLayer(files: Readonly<Record<string, TarFile>>): Promise<Layer> {
  const archive = tar(files);
  return {
    blob: await promisify(gzip)(archive, { level: constants.Z_NO_COMPRESSION }),
    diffId: sha256(archive),
  };
}

/** Makes a layer that no other image has, of about this size. */
export function createRandomLayer(bytes: number): Promise<Layer> {
  return createLayer({ "opt/lab/content": { content: randomBytes(bytes), mode: 0o644 } });
}

/** Makes a layer with the program that the prepuller starts. */
export function createProgramLayer(): Promise<Layer> {
  return createLayer({ "bin/true": { content: trueProgram(), mode: 0o755 } });
}

/** Makes an image as labs have it: `/bin/true` and so many random bytes. */
export async function createLabImage(bytes = 100_000): Promise<Image> {
  return createImage({ layers: [await createProgramLayer(), await createRandomLayer(bytes)] });
}

/** Makes an image of these layers. */
export function createImage(options: ImageOptions): Image {
  const { layers, architecture = ARCHITECTURE, entrypoint = "/bin/true" } = options;
  const config = Buffer.from(
    JSON.stringify({
      architecture,
      os: "linux",
      config: { Entrypoint: [entrypoint], Env: ["PATH=/bin"] },
      rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
      history: layers.map(() => ({ created_by: "lab-images tests" })),
    }),
  );
  const mediaType = `${OCI}manifest.v1+json`;
  const { configMediaType = `${OCI}config.v1+json`, layerMediaType = `${OCI}layer.v1.tar+gzip` } = options;
  const content = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType,
      config: descriptor(configMediaType, config),
      layers: layers.map(({ blob }) => descriptor(layerMediaType, blob)),
    }),
  );
  const blobs = [config, ...layers.map(({ blob }) => blob)];
  return { mediaType, content, digest: sha256(content), architecture, blobs, manifests: [] };
}

/** Makes an index of these images. */
export function createIndex(manifests: readonly Image[]): Image {
  const content = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: INDEX_TYPE,
      manifests: manifests.map(({ mediaType, content: manifest, architecture }) => ({
        ...descriptor(mediaType, manifest),
        platform: { os: "linux", architecture },
      })),
    }),
  );
  return { mediaType: INDEX_TYPE, content, digest: sha256(content), architecture: "", blobs: [], manifests };
}

/** Pushes an image under its tags; returns its digest. */
export async function pushImage(writer: RegistryWriter, image: Image, ...tags: readonly string[]): Promise<string> {
  for (const manifest of image.manifests) await pushImage(writer, manifest, manifest.digest);
  for (const blob of image.blobs) await writer.pushBlob(blob);
  for (const tag of tags) await writer.pushManifest(tag, image.mediaType, image.content);
  return image.digest;
}

/** Returns an archive of the image in the OCI layout, under a full name, as `ctr images import` takes it. */
export function imageArchive(image: Image, name: string): Buffer {
  const blobs = [image.content, ...image.blobs].map((content) => {
    const path = `blobs/${sha256(content).replace(":", "/")}`;
    return [path, { content, mode: 0o644 }] as const;
  });
  const json = (value: unknown): TarFile => ({ content: Buffer.from(JSON.stringify(value)), mode: 0o644 });
  const entry = {
    ...descriptor(image.mediaType, image.content),
    annotations: { "io.containerd.image.name": name },
  };
  return tar({
    ...Object.fromEntries(blobs),
    "oci-layout": json({ imageLayoutVersion: "1.0.0" }),
    "index.json": json({ schemaVersion: 2, mediaType: INDEX_TYPE, manifests: [entry] }),
  });
}

function descriptor(mediaType: string, content: Buffer) {
  return { mediaType, digest: sha256(content), size: content.byteLength };
}
