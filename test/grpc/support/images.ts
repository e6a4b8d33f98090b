import type { Image } from "../../../src/domain/images/image.ts";
import type { MenuImage } from "../../../src/domain/snapshot/answers.ts";

/** The repository of all test images. */
export const REGISTRY = "registry.example.org";
/** See REGISTRY. */
export const REPOSITORY = "sciplat/lab";

/** A digest that differs with `seed`. */
export function digestOf(seed: number): string {
  return `sha256:${seed.toString(16).padStart(64, "0")}`;
}

/** An image of this tag, with what `overrides` says of it. */
export function imageOf(tag: string, overrides: Partial<Image> = {}): Image {
  const reference = `${REGISTRY}/${REPOSITORY}:${tag}`;
  const digest = overrides.digest === undefined ? digestOf(1) : overrides.digest;
  return {
    reference,
    pullReference: digest === null ? reference : `${reference}@${digest}`,
    tag,
    source: "default",
    tagClass: "weekly",
    platforms: null,
    wantedBy: [],
    displayName: `Image ${tag}`,
    type: "WEEKLY",
    digest,
    aliases: [],
    aliasCount: 0,
    aliasTarget: null,
    architecture: null,
    cycle: null,
    date: Date.UTC(2077, 9, 21),
    sizeBytes: 5_000_000_000,
    prepulled: true,
    ...overrides,
  };
}

/** Images as entries of a menu. */
export function menuOf(images: readonly Image[]): readonly MenuImage[] {
  return images.map((image) => ({ image, source: image.source, counts: null }));
}

/** Weekly images, newest first, each with a digest of its own. */
export function weeklies(count: number): Image[] {
  return Array.from({ length: count }, (_, index) =>
    imageOf(`w_${2077 - Math.floor(index / 52)}_${String(52 - (index % 52)).padStart(2, "0")}`, {
      digest: digestOf(index + 1),
    }),
  );
}
