import type { Snapshot } from "../../domain/snapshot/snapshot.ts";
import { type CachedResponse, createResponseCache, responseOf, withState } from "../messages/response-cache.ts";
import { stringField } from "../messages/wire.ts";
import { checkPageSize } from "../server/arguments.ts";
import type { ServiceContext } from "../server/service-context.ts";
import type { UnaryHandler } from "../server/unary-call.ts";
import { type Entries, fillPage } from "./page.ts";
import { firstPage, type ListingName, nextPageToken, type PagePosition, requestedPage } from "./page-token.ts";
import { createUnchangedCheck, type KnowingRequest } from "./unchanged.ts";

/** Bytes of encoded pages that are kept of one listing. */
const KEPT_BYTES = 16 * 1_024 * 1_024;

/** What every request for a page has; a listing without page size is bounded by the size of its messages alone. */
interface PageRequest extends KnowingRequest {
  readonly pageToken: string;
  readonly pageSize?: number;
}

/** A listing that is served in pages. */
export interface Listing<Request> {
  readonly name: ListingName;
  /** Number of the response's field `next_page_token`. */
  readonly nextPageToken: number;
  /** Restriction of the listing, which page tokens carry. Error: InvalidArgumentError. */
  filter?(request: Request): string;
  /** Checks the filter in a page token against the one of the request. Error: InvalidArgumentError. */
  checkFilter?(inToken: string, requested: string): void;
  /** Another value for each different content of the listing under one snapshot. */
  version?(snapshot: Snapshot, filter: string): string | number;
  /** Encoded fields at the front of the first page. */
  head?(snapshot: Snapshot, filter: string): Buffer;
  entries(snapshot: Snapshot, filter: string): Entries;
  /** Encoded response without token and state; `head` is empty after the first page. */
  encode(head: Buffer, entries: readonly Buffer[]): Buffer;
}

/** Serves a listing in pages (docs/spec/api.md, Paging); pages of the newest snapshot are encoded once. */
export function pagedListing<Request extends PageRequest>(
  context: ServiceContext,
  listing: Listing<Request>,
): UnaryHandler<Request> {
  const { reader } = context;
  const { name } = listing;
  const cache = createResponseCache(reader, KEPT_BYTES);
  const unchanged = createUnchangedCheck(context);

  function positionOf(request: Request): PagePosition {
    const filter = listing.filter?.(request) ?? "";
    if (request.pageToken === "") return firstPage(context.snapshot(), filter);
    const position = requestedPage(name, request.pageToken, reader);
    listing.checkFilter?.(position.filter, filter);
    return position;
  }

  function build(position: PagePosition, pageSize: number): CachedResponse {
    const { snapshot, offset, filter } = position;
    const head = (offset === 0 ? listing.head?.(snapshot, filter) : undefined) ?? Buffer.alloc(0);
    const page = fillPage(listing.entries(snapshot, filter), { offset, pageSize, taken: head.length });
    const token = nextPageToken({ listing: name, position, next: page.next }, reader);
    return responseOf(listing.encode(head, page.messages), stringField(listing.nextPageToken, token));
  }

  return (request) => {
    const pageSize = request.pageSize === undefined ? Number.POSITIVE_INFINITY : checkPageSize(request.pageSize);
    const position = positionOf(request);
    const { snapshot, offset, filter } = position;
    const version = listing.version?.(snapshot, filter);
    const isKnown = request.pageToken === "" ? unchanged(request, snapshot, version) : null;
    if (isKnown !== null) return isKnown;
    const key = `${offset}:${pageSize}:${version ?? filter}`;
    const response = cache.find(snapshot, key) ?? cache.add(snapshot, key, build(position, pageSize));
    return withState(response, context.stateField(snapshot));
  };
}
