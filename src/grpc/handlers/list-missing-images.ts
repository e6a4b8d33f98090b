import { InvalidArgumentError } from "../../domain/errors.ts";
import type { NodeMissingImages } from "../../domain/snapshot/answers.ts";
import type { Snapshot } from "../../domain/snapshot/snapshot.ts";
import type { ListMissingImagesRequest__Output } from "../gen/labimages/v1/ListMissingImagesRequest.ts";
import { type Answer, answerOf, createAnswerCache, withState } from "../messages/answer.ts";
import { LIST_MISSING_IMAGES_FIELD as FIELD } from "../messages/field-numbers.ts";
import { encodeNodeMissing } from "../messages/image-message.ts";
import { repeatedDelimited, stringField } from "../messages/wire.ts";
import { entriesOf, fillPage, KEPT_BYTES } from "../paging/page.ts";
import { firstPage, nextPageToken, type PagePosition, requestedPage } from "../paging/page-token.ts";
import { checkPageSize, checkText, LONGEST_NAME } from "../server/arguments.ts";
import type { ServiceContext } from "../server/service-context.ts";
import type { UnaryHandler } from "../server/unary-call.ts";

const LISTING = "ListMissingImages";
const IMAGES_PER_ENTRY = 1_000;

/** `ListMissingImages`: what each eligible node lacks, in pages of nodes, or what one node lacks. */
export function listMissingImages(context: ServiceContext): UnaryHandler<ListMissingImagesRequest__Output> {
  const { reader } = context;
  const cache = createAnswerCache(KEPT_BYTES);
  const nodesOf = createNodeIndex();

  function position(node: string, pageToken: string): PagePosition {
    if (pageToken === "") return firstPage(context.snapshot(), node);
    const requested = requestedPage(LISTING, pageToken, reader);
    if (requested.filter !== node) {
      throw new InvalidArgumentError("node", "node is not the one that the page_token was given for");
    }
    return requested;
  }

  function build(at: PagePosition, pageSize: number): Answer {
    const { snapshot, offset, filter } = at;
    const nodes = (filter === "" ? snapshot.missing() : nodesOf(snapshot, filter)).flatMap(piecesOf);
    const { messages, next } = fillPage(entriesOf(nodes, encodeNodeMissing), { offset, pageSize, taken: 0 });
    return answerOf(
      repeatedDelimited(FIELD.nodes, messages),
      stringField(FIELD.nextPageToken, nextPageToken({ listing: LISTING, position: at, next }, reader)),
    );
  }

  return ({ node: asked, pageSize: askedSize, pageToken }) => {
    const node = checkText("node", asked, LONGEST_NAME);
    const pageSize = checkPageSize(askedSize);
    const at = position(node, pageToken);
    const { snapshot, offset } = at;
    const question = `${offset}:${pageSize}:${node}`;
    const answer = cache.find(snapshot, question) ?? cache.add(snapshot, question, build(at, pageSize));
    return withState(answer, context.stateField(snapshot));
  };
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
