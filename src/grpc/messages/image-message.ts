/**
 * Images as bytes, encoded once for each immutable domain object: a later snapshot that shares an image shares its
 * encoding too. The caches keep nothing alive that the snapshots have released.
 */

import type { Image } from "../../domain/images/image.ts";
import { formatPlatform } from "../../domain/sets/platform.ts";
import type { MenuImage, NodeImage, NodeMissingImages, NodeStatus } from "../../domain/snapshot/answers.ts";
import type { ResolvedImage } from "../../domain/snapshot/snapshot.ts";
import { ownBytes } from "../../lib/bytes.ts";
import { fieldNumbers, messageEncoder } from "../server/contract.ts";
import { timestampMessage } from "./time-message.ts";
import { delimited, repeatedDelimited } from "./wire.ts";

const nodeImageField = fieldNumbers("labimages.v1.NodeImage");
const nodeMissingField = fieldNumbers("labimages.v1.NodeMissingImages");
const encodeImageMessage = messageEncoder("labimages.v1.Image");
const encodeMenuImageMessage = messageEncoder("labimages.v1.MenuImage");
const encodeNodeImageMessage = messageEncoder("labimages.v1.NodeImage");
const encodeNodeMissingMessage = messageEncoder("labimages.v1.NodeMissingImages");
const encodeNodeStatusMessage = messageEncoder("labimages.v1.NodeStatus");

/** Bytes of encodings of one kind that are kept: those of 20,000 images and more (performance.md, row 4). */
const MAX_KEPT_BYTES = 16 * 1_024 * 1_024;
/** Approximate cost of an encoding besides its bytes. */
const OVERHEAD_BYTES = 200;

/**
 * Returns the same bytes for the same object, as long as these are kept: with more than MAX_KEPT_BYTES all are dropped.
 * Encoding again is a matter of microseconds, and 200,000 images would keep 100 MB.
 */
function oncePerObject<Value extends object>(encode: (value: Value) => Buffer): (value: Value) => Buffer {
  let encodings = new WeakMap<Value, Buffer>();
  let keptBytes = 0;
  return (value) => {
    const known = encodings.get(value);
    if (known !== undefined) return known;
    const bytes = ownBytes(encode(value));
    keptBytes += bytes.length + OVERHEAD_BYTES;
    if (keptBytes > MAX_KEPT_BYTES) {
      encodings = new WeakMap();
      keptBytes = bytes.length + OVERHEAD_BYTES;
    }
    encodings.set(value, bytes);
    return bytes;
  };
}

/** `labimages.v1.Image` without nodes. */
export const encodeImage: (image: Image) => Buffer = oncePerObject((image) =>
  encodeImageMessage({
    reference: image.reference,
    pullReference: image.pullReference,
    tag: image.tag,
    displayName: image.displayName,
    digest: image.digest ?? "",
    aliases: [...image.aliases],
    aliasCount: image.aliasCount,
    aliasTarget: image.aliasTarget ?? "",
    imageType: `IMAGE_TYPE_${image.type}`,
    prepulled: image.prepulled,
    sizeBytes: image.sizeBytes ?? 0,
    architecture: image.architecture ?? "",
    ...(image.cycle === null ? {} : { cycle: image.cycle }),
    buildTime: timestampMessage(image.date),
    source: image.source,
    tagClass: image.tagClass,
    wanted: image.wantedBy.length > 0,
    wantedBy: [...image.wantedBy],
    platforms: (image.platforms ?? []).map(formatPlatform),
  }),
);

/** `labimages.v1.Image` with nodes. */
export function encodeResolvedImage({ image, nodes }: ResolvedImage): Buffer {
  return Buffer.concat([encodeImage(image), encodeImageMessage({ nodes: [...nodes] })]);
}

/** `labimages.v1.MenuImage`. */
export const encodeMenuImage: (item: MenuImage) => Buffer = oncePerObject(({ image, source, counts }) =>
  encodeMenuImageMessage({
    reference: image.pullReference,
    name: image.displayName,
    tag: image.tag,
    digest: image.digest ?? "",
    imageType: `IMAGE_TYPE_${image.type}`,
    source,
    sizeBytes: image.sizeBytes ?? 0,
    prepulled: counts?.prepulled ?? image.prepulled,
    nodesReady: counts?.ready ?? 0,
    nodesTotal: counts?.total ?? 0,
  }),
);

/** `labimages.v1.NodeImage`. */
export const encodeNodeImage: (entry: NodeImage) => Buffer = oncePerObject(({ image, nodes, missing }) =>
  Buffer.concat([
    delimited(nodeImageField("image"), encodeImage(image)),
    encodeNodeImageMessage({ nodes: [...nodes], missing: [...missing] }),
  ]),
);

/** Nodes that lack the same images share one list, and so its encoding. */
const encodeMissing = oncePerObject((images: readonly Image[]) =>
  repeatedDelimited(nodeMissingField("images"), images.map(encodeImage)),
);

/** `labimages.v1.NodeMissingImages`. */
export const encodeNodeMissing: (entry: NodeMissingImages) => Buffer = oncePerObject(({ node, images }) =>
  Buffer.concat([encodeNodeMissingMessage({ node }), encodeMissing(images)]),
);

/** Nodes that have the same images share one list, and so its encoding. */
const encodeCached = oncePerObject((cached: readonly string[]) => encodeNodeStatusMessage({ cached: [...cached] }));

/** `labimages.v1.NodeStatus`. */
export const encodeNodeStatus: (entry: NodeStatus) => Buffer = oncePerObject(
  ({ name, eligible, comment, cached, imagesTruncated }) =>
    Buffer.concat([
      encodeNodeStatusMessage({ name, eligible, comment: comment ?? "", imagesTruncated }),
      encodeCached(cached),
    ]),
);
