import { RegistryUnavailableError } from "../../domain/errors.ts";
import { failureAt } from "./failure-at.ts";
import type { TagPage, TagPages } from "./tag-pages.ts";

/** Pages without any name that are followed one after the other, at most: some registries filter after they have paged. */
const MAX_EMPTY_PAGES = 5;

/** How a walk over pages has ended. */
export type WalkEnd =
  /** With a page that names no next one. */
  | "closed"
  /** With a page that has no new name and names a next one, or names one that was read already. */
  | "circled"
  /** With pages that have no name at all and name a next one. */
  | "empty"
  /** With a next page that the registry does not give. */
  | { readonly page: number; readonly status: number };

/** A walk from one page to the next, by the registry's Links. */
export interface Walk {
  readonly end: WalkEnd;
  readonly first: TagPage;
  /** New names that it brought. */
  readonly fresh: number;
  /** Whether a Link has led to new names: this registry sends one where more follows. */
  readonly isLinked: boolean;
  /** Whether each page was in ascending order. */
  readonly isAscending: boolean;
  /** The last name of the last page with a new name; null where there is none. */
  readonly last: string | null;
}

/** Walks from the page of this query on. Rejects as `TagPages.read` does; the first page may have any status. */
export async function walkPages(pages: TagPages, query: string, signal: AbortSignal): Promise<Walk> {
  const first = await pages.read(query, signal);
  const visited = new Set([query]);
  let walked = { first, fresh: first.fresh, isLinked: false, isAscending: first.isAscending, last: first.last };
  let page = first;
  let empty = 0;
  for (let number = 2; ; number += 1) {
    if (page.next === null) return { ...walked, end: "closed" };
    if (visited.has(page.next) || (page.count > 0 && page.fresh === 0)) return { ...walked, end: "circled" };
    empty = page.count === 0 ? empty + 1 : 0;
    if (empty > MAX_EMPTY_PAGES) return { ...walked, end: "empty" };
    visited.add(page.next);
    page = await readLaterPage(pages, page.next, number, signal);
    if (page.status !== 200) return { ...walked, end: { page: number, status: page.status } };
    if (page.fresh > 0) walked = withPage(walked, page);
  }
}

function withPage<T extends Omit<Walk, "end">>(walked: T, page: TagPage): T {
  const isAscending = walked.isAscending && page.isAscending;
  return { ...walked, fresh: walked.fresh + page.fresh, isLinked: true, isAscending, last: page.last };
}

/** A page beyond the first one: its failure is one of that page. */
async function readLaterPage(pages: TagPages, query: string, number: number, signal: AbortSignal): Promise<TagPage> {
  try {
    return await pages.read(query, signal);
  } catch (error) {
    throw pages.isExhausted ? error : failureAt(`page ${number} of the list of tags`, error);
  }
}

/** A walk that is to show something; null where the registry does not go along with it. */
export async function tryWalk(pages: TagPages, query: string, signal: AbortSignal): Promise<Walk | null> {
  try {
    const walked = await walkPages(pages, query, signal);
    return walked.first.status === 200 ? walked : null;
  } catch (error) {
    if (pages.isExhausted || !(error instanceof RegistryUnavailableError)) throw error;
    return null;
  }
}
