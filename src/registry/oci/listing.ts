import { RegistryDeniedError, RegistryUnavailableError } from "../../domain/errors.ts";
import { isImageTag } from "./tag-names.ts";
import { createTagPages, type TagPages, type TagPagesOptions } from "./tag-pages.ts";
import { tryWalk, type Walk, type WalkEnd, walkPages } from "./tag-walk.ts";

/** Sizes at which registries cut lists are multiples of this. */
const CUT_UNIT = 50;

/** A list that is being read. */
interface Listing extends TagPagesOptions {
  readonly pages: TagPages;
  readonly host: string;
  readonly signal: AbortSignal;
}

/** What is known once all that the registry gives page by page has been read. */
interface Paged {
  /** The last walk that brought new names. */
  readonly walked: Walk;
  /** Whether the registry takes a page size. */
  readonly isSized: boolean;
  /** Whether it has said that nothing follows the last name. */
  readonly isAnswered: boolean;
  /** Whether "follows" is meant in the order in which it lists the names. */
  readonly isInOrder: boolean;
  /** Whether it sends a Link where more follows. */
  readonly isLinked: boolean;
}

/** Whether a status refuses the question and not the asker: the same may be had by another question. */
function isRefusal(status: number): boolean {
  return status >= 400 && status < 500 && ![401, 403, 404, 408, 429].includes(status);
}

function checkStatus(status: number, { host, path }: Listing): void {
  if (status === 200) return;
  if (status === 403) throw new RegistryDeniedError(`${host} refuses access to this repository (403)`);
  if (status === 404) throw new RegistryUnavailableError(`${host} has no repository ${path}, or does not show it`);
  throw new RegistryUnavailableError(`${host} answers ${status} where a list of tags was expected`);
}

/** Reads page after page until nothing new comes: by Links, and where a page has none by asking what follows its last name. */
async function readPaged(listing: Listing): Promise<Paged> {
  const { pages, limits, signal } = listing;
  const size = `?n=${limits.pageSize}`;
  let walked = await walkPages(pages, size, signal);
  const isSized = !isRefusal(walked.first.status);
  // A registry that will not have the page size may choose its own.
  if (!isSized) walked = await walkPages(pages, "", signal);
  checkStatus(walked.first.status, listing);
  let { isLinked, isAscending } = walked;
  let isPositional = false;
  for (;;) {
    const { last } = walked;
    const next = last === null ? null : await tryWalk(pages, nameQuery(isSized ? `${size}&` : "?", last), signal);
    if (last === null || next === null || next.fresh === 0) {
      const isAnswered = last !== null && next !== null && isNothingAfter(last, next);
      return { walked, isSized, isAnswered, isInOrder: isAscending || isPositional, isLinked };
    }
    isLinked ||= next.isLinked;
    isAscending &&= next.isAscending;
    isPositional ||= next.first.least !== null && next.first.least <= last;
    walked = next;
  }
}

function nameQuery(prefix: string, last: string): string {
  return `${prefix}last=${encodeURIComponent(last)}`;
}

/** Whether the answer to "what follows this name?" is "nothing"; some registries begin with the name itself. */
function isNothingAfter(name: string, { first, fresh, end }: Walk): boolean {
  if (fresh > 0) return false;
  if (first.count === 0) return end === "closed" || end === "circled";
  return first.count === 1 && first.last === name && end === "closed";
}

/** A number of names at which a list may have been cut. */
function mayBeCut(size: number, pageSize: number): boolean {
  return size > 0 && (size === pageSize || size % CUT_UNIT === 0);
}

/**
 * Reads the list of tags to an end that the registry shows (field cases F3 to F5): a page without a Link proves nothing.
 * Returns why the list may be cut; null where it is whole.
 */
async function readToEnd(listing: Listing): Promise<string | null> {
  const { pages, limits } = listing;
  const paged = await readPaged(listing);
  const { walked, isAnswered, isLinked } = paged;
  if (isLinked && walked.end === "closed") return null;
  if (isAnswered && typeof walked.end !== "object") {
    // In another order than that of the names, "nothing after the last one" may leave out what sorts before it.
    if (paged.isInOrder || !mayBeCut(pages.names.size, limits.pageSize)) return null;
    if (await keepsOwnOrder(listing, walked)) return null;
  }
  return await readAtOnce(listing, paged);
}

/** Whether all other names follow the first one, whatever their order. */
async function keepsOwnOrder({ pages, limits, signal }: Listing, { first }: Walk): Promise<boolean> {
  if (first.first === null) return false;
  const others = await tryWalk(pages, nameQuery(`?n=${limits.pageSize}&`, first.first), signal);
  return others !== null && others.fresh === 0 && others.first.count === pages.names.size - 1;
}

/** Reads the list without a page size, which by the OCI Distribution Specification is the whole. */
async function readAtOnce(listing: Listing, { walked, isSized }: Paged): Promise<string | null> {
  const { pages, limits, signal } = listing;
  const whole = isSized ? await tryWalk(pages, "", signal) : walked;
  if (whole?.end !== "closed") {
    // A page that is not there is the cause of what follows from it.
    const end = typeof walked.end === "object" ? walked.end : (whole?.end ?? walked.end);
    return describeEnd(end) ?? "it does not list them without a page size";
  }
  const isMore = isSized && whole.fresh > 0;
  if (whole.isLinked || isMore || !mayBeCut(pages.names.size, limits.pageSize)) return null;
  return (await cutsSilently(listing)) ? "it ignores `last` and cuts lists without a Link" : null;
}

/** Whether the registry, asked for half the names, gives fewer than all and says nothing of a next page. */
async function cutsSilently({ pages, signal }: Listing): Promise<boolean> {
  const cut = await tryWalk(pages, `?n=${Math.ceil(pages.names.size / 2)}`, signal);
  return cut === null || (cut.first.count < pages.names.size && cut.first.next === null);
}

function describeEnd(end: WalkEnd): string | null {
  if (end === "closed") return null;
  if (end === "circled") return "pagination loop";
  if (end === "empty") return "its pages go on without any tag";
  return `it answers ${end.status} for page ${end.page}`;
}

/**
 * All image tags of the repository, each once, in the registry's order. Rejects with a RegistryDeniedError or a
 * RegistryUnavailableError, also where the registry does not show that the list is whole.
 */
export async function listAllTags(options: TagPagesOptions, signal: AbortSignal): Promise<readonly string[]> {
  const { host } = new URL(options.origin);
  const pages = createTagPages(options);
  const doubt = await readToEnd({ ...options, pages, host, signal });
  if (doubt !== null) {
    const listed = `${host} lists ${pages.names.size} tags and does not show that these are all`;
    throw new RegistryUnavailableError(`${listed}, since ${doubt}: the list may be cut`);
  }
  return [...pages.names].filter(isImageTag);
}
