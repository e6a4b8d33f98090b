import type { WorkByNode } from "../../domain/snapshot/answers.ts";
import type { Snapshot } from "../../domain/snapshot/snapshot.ts";
import { ownBytes } from "../../lib/bytes.ts";
import type { GetPrepullStatusRequest__Output } from "../gen/labimages/v1/GetPrepullStatusRequest.ts";
import { encodeHealth, encodePrepullConfig } from "../messages/prepull-config-message.ts";
import { imagePart, nodePart } from "../messages/prepull-progress-message.ts";
import { delimited } from "../messages/wire.ts";
import { type Entries, entriesOf } from "../paging/page.ts";
import { pagedListing } from "../paging/paged-listing.ts";
import { fieldNumbers } from "../server/contract.ts";
import type { ServiceContext } from "../server/service-context.ts";
import type { UnaryHandler } from "../server/unary-call.ts";

const field = fieldNumbers("labimages.v1.GetPrepullStatusResponse");

/** `GetPrepullStatus`: configuration, sources and images first, then the nodes with the work on them, in pages. */
export function getPrepullStatus(context: ServiceContext): UnaryHandler<GetPrepullStatusRequest__Output> {
  const head = createHead(context);
  const work = createWork(context);
  return pagedListing(context, {
    name: "GetPrepullStatus",
    nextPageToken: field("nextPageToken"),
    version: (snapshot) => `${head(snapshot).version}:${work().version}`,
    head: (snapshot) => head(snapshot).bytes,
    entries: (snapshot) => flatten(snapshot, work().nodes),
    encode: (front, parts) => delimited(field("status"), Buffer.concat([front, ...parts])),
  });
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

/** The work by node: it changes without a new snapshot. Nothing of it is kept, since it holds the work on nodes that go. */
function createWork({ reader }: ServiceContext): () => { readonly nodes: WorkByNode; readonly version: number } {
  const versions = new WeakMap<WorkByNode, number>();
  let last = 0;
  return () => {
    const nodes = reader.progress();
    const version = versions.get(nodes) ?? ++last;
    versions.set(nodes, version);
    return { nodes, version };
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
