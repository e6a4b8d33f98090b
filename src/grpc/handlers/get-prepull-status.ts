import type { WorkByNode } from "../../domain/snapshot/answers.ts";
import type { Snapshot } from "../../domain/snapshot/snapshot.ts";
import { ownBytes } from "../../lib/bytes.ts";
import type { GetPrepullStatusRequest__Output } from "../gen/labimages/v1/GetPrepullStatusRequest.ts";
import { type Answer, answerOf, createAnswerCache, withState } from "../messages/answer.ts";
import { GET_PREPULL_STATUS_FIELD as FIELD } from "../messages/field-numbers.ts";
import { encodeHealth, encodePrepullConfig } from "../messages/prepull-config-message.ts";
import { imagePart, nodePart } from "../messages/prepull-progress-message.ts";
import { delimited, stringField } from "../messages/wire.ts";
import { type Entries, entriesOf, fillPage, KEPT_BYTES } from "../paging/page.ts";
import { firstPage, nextPageToken, type PagePosition, requestedPage } from "../paging/page-token.ts";
import { checkPageSize } from "../server/arguments.ts";
import type { ServiceContext } from "../server/service-context.ts";
import type { UnaryHandler } from "../server/unary-call.ts";

const LISTING = "GetPrepullStatus";

/** `GetPrepullStatus`: configuration, sources and images first, then the nodes with the work on them, in pages. */
export function getPrepullStatus(context: ServiceContext): UnaryHandler<GetPrepullStatusRequest__Output> {
  const { reader } = context;
  const cache = createAnswerCache(KEPT_BYTES);
  const head = createHead(context);
  const work = createWork(context);

  function build(position: PagePosition, pageSize: number, front: Buffer): Answer {
    const { snapshot, offset } = position;
    const listing = flatten(snapshot, work().nodes);
    const { messages, next } = fillPage(listing, { offset, pageSize, taken: front.length });
    const status = Buffer.concat([front, ...messages]);
    return answerOf(
      delimited(FIELD.status, status),
      stringField(FIELD.nextPageToken, nextPageToken({ listing: LISTING, position, next }, reader)),
    );
  }

  return ({ pageSize: asked, pageToken }) => {
    const pageSize = checkPageSize(asked);
    const position = pageToken === "" ? firstPage(context.snapshot()) : requestedPage(LISTING, pageToken, reader);
    const { snapshot, offset } = position;
    const front = offset === 0 ? head(snapshot) : { bytes: Buffer.alloc(0), version: 0 };
    const question = `${offset}:${pageSize}:${front.version}:${work().version}`;
    const answer =
      cache.find(snapshot, question) ?? cache.add(snapshot, question, build(position, pageSize, front.bytes));
    return withState(answer, context.stateField(snapshot));
  };
}

interface Head {
  readonly bytes: Buffer;
  readonly version: number;
}

/** The front of the first page: it changes with the sources, which may do so without a new snapshot. */
function createHead({ settings, reader }: ServiceContext): (snapshot: Snapshot) => Head {
  const config = encodePrepullConfig(settings);
  let health: Buffer = Buffer.alloc(0);
  let front = { bytes: config, version: 0 };
  return (snapshot) => {
    const current = encodeHealth(reader.sources(), reader.problems(snapshot));
    if (!current.equals(health)) {
      health = ownBytes(current);
      front = { bytes: ownBytes(config, health), version: front.version + 1 };
    }
    return front;
  };
}

/** The work by node: it changes without a new snapshot. */
function createWork({ reader }: ServiceContext): () => { readonly nodes: WorkByNode; readonly version: number } {
  let current = { nodes: reader.progress(), version: 0 };
  return () => {
    const nodes = reader.progress();
    if (nodes !== current.nodes) current = { nodes, version: current.version + 1 };
    return current;
  };
}

/**
 * Images and nodes as one listing, so that images which one message cannot hold (each names its nodes) go on in the next.
 * Each entry is a part of a `PrepullStatus`. Only nodes count against the page size.
 */
function flatten(snapshot: Snapshot, work: WorkByNode): Entries {
  const { prepulled, pending } = snapshot.prepullImages();
  const all = [...prepulled, ...pending];
  const images = entriesOf(
    all.map((entry, at) => ({ entry, isPrepulled: at < prepulled.length })),
    (one) => imagePart(one.entry, one.isPrepulled),
  );
  const nodes = entriesOf(snapshot.nodes(), (status) => nodePart(status, work.get(status.name) ?? []));
  return {
    count: images.count + nodes.count,
    encode: (index) => (index < images.count ? images.encode(index) : nodes.encode(index - images.count)),
    counts: (index) => index >= images.count,
  };
}
