import type { PrepullImages } from "../../domain/answers.ts";
import type { Snapshot } from "../../domain/snapshot.ts";
import { type Answer, answerOf, createAnswerCache, withState } from "../answer.ts";
import { checkPageSize } from "../arguments.ts";
import { GET_PREPULL_STATUS_FIELD as FIELD, PREPULL_STATUS_FIELD } from "../field-numbers.ts";
import type { GetPrepullStatusRequest__Output } from "../gen/labimages/v1/GetPrepullStatusRequest.ts";
import { encodeNodeImage, encodeNodeStatus } from "../image-message.ts";
import { type Entries, entriesOf, fillPage, KEPT_BYTES } from "../page.ts";
import { firstPage, nextPageToken, type PagePosition, requestedPage } from "../page-token.ts";
import { encodePrepullConfig, encodeSources } from "../prepull-config-message.ts";
import type { ServiceContext } from "../service-context.ts";
import type { UnaryHandler } from "../unary-call.ts";
import { delimited, repeatedDelimited, stringField } from "../wire.ts";

const LISTING = "GetPrepullStatus";

/** `GetPrepullStatus`: configuration, sources and images first, then the nodes, in pages. */
export function getPrepullStatus(context: ServiceContext): UnaryHandler<GetPrepullStatusRequest__Output> {
  const { reader } = context;
  const cache = createAnswerCache(KEPT_BYTES);
  const head = createHead(context);

  function build(position: PagePosition, pageSize: number, front: Buffer): Answer {
    const { snapshot, offset } = position;
    const listing = flatten(snapshot);
    const { messages, next } = fillPage(listing, { offset, pageSize, taken: front.length });
    const status = Buffer.concat([front, ...fields(messages, offset, snapshot.prepullImages())]);
    return answerOf(
      delimited(FIELD.status, status),
      stringField(FIELD.nextPageToken, nextPageToken({ listing: LISTING, position, next }, reader)),
    );
  }

  return ({ pageSize: asked, pageToken }) => {
    const pageSize = checkPageSize(asked);
    const position = pageToken === "" ? firstPage(context.snapshot()) : requestedPage(LISTING, pageToken, reader);
    const { snapshot, offset } = position;
    const front = offset === 0 ? head() : { bytes: Buffer.alloc(0), version: 0 };
    const question = `${offset}:${pageSize}:${front.version}`;
    const answer =
      cache.find(snapshot, question) ?? cache.add(snapshot, question, build(position, pageSize, front.bytes));
    return withState(answer, context.stateField(snapshot));
  };
}

/** The front of the first page: it changes with the sources, which may do so without a new snapshot. */
function createHead({ settings, reader }: ServiceContext): () => { readonly bytes: Buffer; readonly version: number } {
  const config = encodePrepullConfig(settings);
  let sources: Buffer = Buffer.alloc(0);
  let front = { bytes: config, version: 0 };
  return () => {
    const current = encodeSources(reader.sources());
    if (!current.equals(sources)) {
      sources = current;
      front = { bytes: Buffer.concat([config, sources]), version: front.version + 1 };
    }
    return front;
  };
}

/**
 * Images and nodes as one listing, so that images which one message cannot hold (each names its nodes) go on in the next.
 * Only nodes count against the page size.
 */
function flatten(snapshot: Snapshot): Entries {
  const { prepulled, pending } = snapshot.prepullImages();
  const images = entriesOf([...prepulled, ...pending], encodeNodeImage);
  const nodes = entriesOf(snapshot.nodes(), encodeNodeStatus);
  return {
    count: images.count + nodes.count,
    encode: (index) => (index < images.count ? images.encode(index) : nodes.encode(index - images.count)),
    counts: (index) => index >= images.count,
  };
}

/** The entries of a page, each under the field that its place in the listing gives it. */
function fields(messages: readonly Buffer[], offset: number, { prepulled, pending }: PrepullImages): Buffer[] {
  const endOfPrepulled = Math.max(0, prepulled.length - offset);
  const endOfPending = Math.max(0, prepulled.length + pending.length - offset);
  return [
    repeatedDelimited(PREPULL_STATUS_FIELD.prepulled, messages.slice(0, endOfPrepulled)),
    repeatedDelimited(PREPULL_STATUS_FIELD.pending, messages.slice(endOfPrepulled, endOfPending)),
    repeatedDelimited(PREPULL_STATUS_FIELD.nodes, messages.slice(endOfPending)),
  ];
}
