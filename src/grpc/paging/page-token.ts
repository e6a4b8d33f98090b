/**
 * Page tokens: opaque to callers, and good for one listing of one snapshot. They are not signed, since all that a forged
 * one can name is a place in a listing that its caller may read anyway.
 */
import { InvalidArgumentError, SnapshotGoneError } from "../../domain/errors.ts";
import type { Snapshot } from "../../domain/snapshot/snapshot.ts";
import type { StateReader } from "../../ports.ts";
import { checkText } from "../server/arguments.ts";

const FIELD = "page_token";
const MAX_TOKEN_LENGTH = 1_024;
/** Version of the token's form. */
const FORM = 1;

/** Names of the listings that have pages. */
export type ListingName = "ListImages" | "GetMenu" | "ListMissingImages" | "GetPrepullStatus";

/** Where a page starts. */
export interface PagePosition {
  readonly snapshot: Snapshot;
  /** Entries of the listing before this page; 0 on the first page alone. */
  readonly offset: number;
  /** Restriction of the listing, as the first page was requested; empty for none. */
  readonly filter: string;
}

function invalid(message: string): InvalidArgumentError {
  return new InvalidArgumentError(FIELD, `page_token ${message}`);
}

function parse(token: string): unknown {
  const bytes = Buffer.from(token, "base64url");
  // Node skips what is not base64url, so only encoding it again shows whether the token is one.
  if (bytes.toString("base64url") !== token) throw invalid("is not one that this service has given");
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    throw invalid("is not one that this service has given");
  }
}

interface TokenContent {
  readonly epoch: string;
  readonly generation: number;
  readonly offset: number;
  readonly filter: string;
}

function read(listing: ListingName, token: string): TokenContent {
  const content = parse(checkText(FIELD, token, MAX_TOKEN_LENGTH));
  if (!Array.isArray(content) || content.length !== 6) throw invalid("is not one that this service has given");
  const [form, givenFor, epoch, generation, offset, filter]: readonly unknown[] = content;
  if (form !== FORM || typeof epoch !== "string" || typeof filter !== "string") {
    throw invalid("is not one that this service has given");
  }
  if (givenFor !== listing) throw invalid(`does not belong to ${listing}`);
  if (typeof generation !== "number" || typeof offset !== "number" || !Number.isSafeInteger(offset) || offset < 1) {
    throw invalid("is not one that this service has given");
  }
  return { epoch, generation, offset, filter };
}

/** The start of a listing. */
export function firstPage(snapshot: Snapshot, filter = ""): PagePosition {
  return { snapshot, offset: 0, filter };
}

/**
 * Where the page of this token starts. Errors: InvalidArgumentError for what is no token of this listing;
 * SnapshotGoneError where its snapshot is no longer kept.
 */
export function requestedPage(listing: ListingName, token: string, reader: StateReader): PagePosition {
  const { epoch, generation, offset, filter } = read(listing, token);
  const snapshot = epoch === reader.epoch ? reader.kept(generation) : null;
  if (snapshot === null) throw new SnapshotGoneError();
  return { snapshot, offset, filter };
}

/** The error for a token whose place is not in its listing. */
export function misplacedToken(): InvalidArgumentError {
  return invalid("points behind the end of its listing");
}

/** A page that has been built. */
export interface BuiltPage {
  readonly listing: ListingName;
  readonly position: PagePosition;
  /** Entries before the next page, or null on the last page. */
  readonly next: number | null;
}

/** Returns the token of the page after this one, empty after the last page, and keeps its snapshot. */
export function nextPageToken({ listing, position, next }: BuiltPage, reader: StateReader): string {
  if (next === null) return "";
  const { snapshot, filter } = position;
  reader.keep(snapshot);
  const content = [FORM, listing, reader.epoch, snapshot.generation, next, filter];
  return Buffer.from(JSON.stringify(content), "utf8").toString("base64url");
}
