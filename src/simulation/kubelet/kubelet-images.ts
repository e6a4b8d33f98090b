import type { JsonObject } from "../kubernetes/kubernetes-objects.ts";

/** At most so many names of one image are reported, digests before tags (kubelet, `MaxNamesPerImageInNodeStatus`). */
const MAX_NAMES = 5;
/** Image garbage collection starts above the first share of the disk and goes down to the second (kubelet defaults). */
const HIGH_THRESHOLD = 0.85;
const LOW_THRESHOLD = 0.8;

/** An image on a node's disk. */
export interface StoredImage {
  readonly digest: string;
  readonly sizeBytes: number;
  /** `repository@digest` names first, then `repository:tag` names. */
  readonly names: readonly string[];
  /** When a container last used it, in milliseconds; 0 where none ever did. */
  readonly lastUsedTime: number;
  readonly pulledTime: number;
}

/** The images of one node: what containerd keeps and the kubelet reports and collects. */
export interface ImageStore {
  readonly images: readonly StoredImage[];
  has(digest: string): boolean;
  /** Adds an image under the reference it was pulled by, or another name of one that is there. */
  add(reference: string, digest: string, sizeBytes: number, time: number): void;
  /** Notes that a container uses the image. */
  use(digest: string, time: number): void;
  remove(digest: string): void;
  /** Removes images where the disk is too full: never used ones first, then the least recently used; answers them. */
  collect(inUse: ReadonlySet<string>): readonly StoredImage[];
  /** `status.images` of the node: the largest first, at most `limit` (-1: all). */
  report(limit: number): readonly JsonObject[];
}

/** A reference taken apart: `repository` includes the registry. */
export interface PulledReference {
  readonly repository: string;
  readonly tag: string | null;
  readonly digest: string | null;
}

/** Takes `registry/repository[:tag][@digest]` apart. */
export function splitReference(reference: string): PulledReference {
  const [named = "", digest = null] = reference.split("@");
  const colon = named.lastIndexOf(":");
  if (colon <= named.lastIndexOf("/")) return { repository: named, tag: null, digest };
  return { repository: named.slice(0, colon), tag: named.slice(colon + 1), digest };
}

/** An empty store on a disk of so many bytes. */
export function createImageStore(diskBytes: number): ImageStore {
  const images = new Map<string, StoredImage>();

  function used(): number {
    let sum = 0;
    for (const image of images.values()) sum += image.sizeBytes;
    return sum;
  }

  return {
    get images() {
      return [...images.values()];
    },
    has: (digest) => images.has(digest),
    add(reference, digest, sizeBytes, time) {
      const known = images.get(digest);
      const names = mergeNames(known?.names ?? [], namesOf(reference, digest));
      images.set(digest, {
        digest,
        sizeBytes,
        names,
        lastUsedTime: 0,
        pulledTime: time,
        ...(known && { ...known, names }),
      });
    },
    use(digest, time) {
      const known = images.get(digest);
      if (known !== undefined) images.set(digest, { ...known, lastUsedTime: time });
    },
    remove: (digest) => images.delete(digest),
    collect(inUse) {
      const removed: StoredImage[] = [];
      let bytes = used();
      if (bytes <= diskBytes * HIGH_THRESHOLD) return removed;
      for (const image of [...images.values()].sort(leastRecentlyUsed)) {
        if (bytes <= diskBytes * LOW_THRESHOLD) break;
        if (inUse.has(image.digest)) continue;
        images.delete(image.digest);
        removed.push(image);
        bytes -= image.sizeBytes;
      }
      return removed;
    },
    report(limit) {
      const sorted = [...images.values()].sort((a, b) => b.sizeBytes - a.sizeBytes);
      const reported = limit < 0 ? sorted : sorted.slice(0, limit);
      return reported.map(({ names, sizeBytes }) => ({ names: names.slice(0, MAX_NAMES), sizeBytes }));
    },
  };
}

function leastRecentlyUsed(a: StoredImage, b: StoredImage): number {
  return a.lastUsedTime - b.lastUsedTime || a.pulledTime - b.pulledTime;
}

/** A pull by tag and digest leaves the digest's name only, as containerd does: the tag was not resolved. */
function namesOf(reference: string, digest: string): string[] {
  const { repository, tag, digest: asked } = splitReference(reference);
  const names = [`${repository}@${digest}`];
  if (asked === null) names.push(`${repository}:${tag ?? "latest"}`);
  return names;
}

function mergeNames(known: readonly string[], added: readonly string[]): string[] {
  const all = [...new Set([...known, ...added])];
  return [...all.filter((name) => name.includes("@")), ...all.filter((name) => !name.includes("@"))];
}
