import { InvalidArgumentError } from "../../domain/errors.ts";
import type { NodeMissingImages } from "../../domain/snapshot/answers.ts";
import type { Snapshot } from "../../domain/snapshot/snapshot.ts";
import type { ListMissingImagesRequest__Output } from "../gen/labimages/v1/ListMissingImagesRequest.ts";
import { encodeNodeMissing } from "../messages/image-message.ts";
import { repeatedDelimited } from "../messages/wire.ts";
import { entriesOf } from "../paging/page.ts";
import { pagedListing } from "../paging/paged-listing.ts";
import { checkNodeName } from "../server/arguments.ts";
import { fieldNumbers } from "../server/contract.ts";
import type { ServiceContext } from "../server/service-context.ts";
import type { UnaryHandler } from "../server/unary-call.ts";

const field = fieldNumbers("labimages.v1.ListMissingImagesResponse");
const IMAGES_PER_ENTRY = 1_000;

/** `ListMissingImages`: what each eligible node lacks, in pages of nodes, or what one node lacks. */
export function listMissingImages(context: ServiceContext): UnaryHandler<ListMissingImagesRequest__Output> {
  const nodesOf = createNodeIndex();
  return pagedListing(context, {
    name: "ListMissingImages",
    nextPageToken: field("nextPageToken"),
    filter: ({ node }) => (node === "" ? node : checkNodeName(node)),
    checkFilter(inToken, node) {
      if (inToken === node) return;
      throw new InvalidArgumentError("node", "node is not the one that the page_token was given for");
    },
    entries(snapshot, node) {
      const nodes = node === "" ? snapshot.missing() : nodesOf(snapshot, node);
      return entriesOf(nodes.flatMap(piecesOf), encodeNodeMissing);
    },
    encode: (_head, nodes) => repeatedDelimited(field("nodes"), nodes),
  });
}

/** A node that lacks more images than one message can hold has several entries in a row. */
function piecesOf(entry: NodeMissingImages): readonly NodeMissingImages[] {
  const { node, images } = entry;
  if (images.length <= IMAGES_PER_ENTRY) return [entry];
  const pieces = Math.ceil(images.length / IMAGES_PER_ENTRY);
  return Array.from({ length: pieces }, (_, piece) => ({
    node,
    images: images.slice(piece * IMAGES_PER_ENTRY, (piece + 1) * IMAGES_PER_ENTRY),
  }));
}

/** Finds the entry of one node; the index is made once for each list. */
function createNodeIndex(): (snapshot: Snapshot, node: string) => readonly NodeMissingImages[] {
  const indexes = new WeakMap<readonly NodeMissingImages[], Map<string, NodeMissingImages>>();
  return (snapshot, node) => {
    const missing = snapshot.missing();
    let index = indexes.get(missing);
    if (index === undefined) {
      index = new Map(missing.map((entry) => [entry.node, entry]));
      indexes.set(missing, index);
    }
    const entry = index.get(node);
    return entry === undefined ? [] : [entry];
  };
}
