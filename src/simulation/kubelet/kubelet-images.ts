import type { JsonObject } from "../kubernetes/kubernetes-objects.ts";

/** Names of one image that are reported at most, digests before tags (kubelet, `MaxNamesPerImageInNodeStatus`). */
const MAX_NAMES = 5;
/** Image garbage collection starts above the first share of the disk and goes down to the second (kubelet defaults). */
const HIGH_THRESHOLD = 0.85;
const LOW_THRESHOLD = 0.8;

/** An image on a node's disk. */
export interface StoredImage {
  /** Empty where the image was imported: the runtime reports no digest then. */
  readonly digest: string;
  readonly sizeBytes: number;
  /** `repository@digest` names first, then `repository:tag` names. */
  readonly names: readonly string[];
  /** When a collection last saw a container of it, in ms since the epoch; 0 where none ever did. */
  readonly lastUsedTime: number;
  /** When a collection first saw it, in ms since the epoch; null before that. */
  readonly firstSeenTime: number | null;
}

/** When images are collected. */
export interface CollectionRules {
  readonly diskBytes: number;
  /** `imageMaximumGCAge` in ms; 0 for no limit. */
  readonly maxAgeMs: number;
  /** `imageMinimumGCAge` in ms: a younger image is not collected for want of room. */
  readonly minAgeMs: number;
}

/** The images of one node: what containerd keeps and the kubelet reports and collects. */
export interface ImageStore {
  readonly images: readonly StoredImage[];
  has(digest: string): boolean;
  /** Adds an image under the reference it was pulled by, or another name of one that is there. */
  add(reference: string, digest: string, sizeBytes: number): void;
  /** Adds an image as `ctr images import` does: it has a tag, and no digest in the report. */
  import(reference: string, sizeBytes: number): void;
  remove(digest: string): void;
  /**
   * One look of the kubelet's collector at `now`, ms since the epoch. `inUse` holds the digests of containers that exist,
   * also of ended ones whose pod is still there. Returns what was removed.
   */
  collect(inUse: ReadonlySet<string>, now: number): readonly StoredImage[];
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

/** An empty store; `startedTime` is when the kubelet came up, in ms since the epoch. */
export function createImageStore(rules: CollectionRules, startedTime: number): ImageStore {
  /** By digest, or by name where there is none. */
  const images = new Map<string, StoredImage>();

  function put(key: string, image: StoredImage): void {
    images.set(key, { ...image, ...(images.get(key) ?? {}), names: image.names });
  }

  /** Notes what is new and what is used. A container that came and went between two looks was never seen. */
  function look(inUse: ReadonlySet<string>, now: number): void {
    for (const [key, image] of images) {
      const firstSeenTime = image.firstSeenTime ?? now;
      const lastUsedTime = inUse.has(image.digest) ? now : image.lastUsedTime;
      images.set(key, { ...image, firstSeenTime, lastUsedTime });
    }
  }

  /**
   * What is older than `imageMaximumGCAge`, once the kubelet has been up for that long. An image that no look has seen
   * in use counts as unused since 1970, whatever its age: a prepulled image goes at the first look.
   */
  function expired(candidates: readonly StoredImage[], now: number): readonly StoredImage[] {
    const { maxAgeMs } = rules;
    if (maxAgeMs === 0 || now - startedTime <= maxAgeMs) return [];
    return candidates.filter(({ lastUsedTime }) => now - lastUsedTime > maxAgeMs);
  }

  /** What goes for want of room: never used images first, then the least recently used. */
  function crowdedOut(candidates: readonly StoredImage[], now: number): readonly StoredImage[] {
    let bytes = [...images.values()].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    if (bytes <= rules.diskBytes * HIGH_THRESHOLD) return [];
    const removed: StoredImage[] = [];
    for (const image of [...candidates].sort(leastRecentlyUsed)) {
      if (bytes <= rules.diskBytes * LOW_THRESHOLD) break;
      if (now - (image.firstSeenTime ?? now) < rules.minAgeMs) continue;
      removed.push(image);
      bytes -= image.sizeBytes;
    }
    return removed;
  }

  function remove(gone: readonly StoredImage[]): readonly StoredImage[] {
    for (const [key, image] of [...images]) if (gone.some(({ names }) => names === image.names)) images.delete(key);
    return gone;
  }

  return {
    get images() {
      return [...images.values()];
    },
    has: (digest) => images.has(digest),
    add(reference, digest, sizeBytes) {
      const names = mergeNames(images.get(digest)?.names ?? [], namesOf(reference, digest));
      put(digest, { digest, sizeBytes, names, lastUsedTime: 0, firstSeenTime: null });
    },
    import(reference, sizeBytes) {
      put(reference, { digest: "", sizeBytes, names: [reference], lastUsedTime: 0, firstSeenTime: null });
    },
    remove: (digest) => images.delete(digest),
    collect(inUse, now) {
      look(inUse, now);
      const idle = () => [...images.values()].filter(({ digest }) => !inUse.has(digest));
      return [...remove(expired(idle(), now)), ...remove(crowdedOut(idle(), now))];
    },
    report(limit) {
      const sorted = [...images.values()].sort((a, b) => b.sizeBytes - a.sizeBytes);
      const reported = limit < 0 ? sorted : sorted.slice(0, limit);
      return reported.map(({ names, sizeBytes }) => ({ names: names.slice(0, MAX_NAMES), sizeBytes }));
    },
  };
}

function leastRecentlyUsed(a: StoredImage, b: StoredImage): number {
  return a.lastUsedTime - b.lastUsedTime || (a.firstSeenTime ?? 0) - (b.firstSeenTime ?? 0);
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
