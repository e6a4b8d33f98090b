import { RegistryUnavailableError } from "../../domain/errors.ts";
import type { HttpAnswer } from "../http/http-client.ts";
import type { RegistryLimits } from "./limits.ts";
import { LinkFormError, nextLink } from "./link.ts";
import type { RegistrySession } from "./registry-session.ts";
import { isImageTag } from "./tag-names.ts";

export interface ListingOptions {
  readonly session: RegistrySession;
  /** Scheme, host and port of the registry. */
  readonly origin: string;
  /** Of the repository in the registry's API. */
  readonly path: string;
  readonly limits: RegistryLimits;
}

/** What kind of answer came instead of the one that was expected, without a word of it. */
function describeBody(answer: HttpAnswer): string {
  const type = /^[\w.+-]+\/[\w.+-]+/.exec(answer.header("content-type") ?? "")?.[0];
  return type === undefined ? "something else" : `${type.toLowerCase()} of another form`;
}

/**
 * The tags in one page. `tags: null` is what Go programs make of an empty list. Anything else that is not a list of
 * texts is a failure: to take it for an empty page would make images vanish.
 */
function tagsIn(answer: HttpAnswer, host: string): readonly string[] {
  let document: unknown;
  try {
    document = JSON.parse(answer.body.toString("utf8"));
  } catch {
    throw new RegistryUnavailableError(`${host} answers ${describeBody(answer)} where a list of tags was expected`);
  }
  const tags: unknown =
    typeof document === "object" && document !== null && "tags" in document ? document.tags : undefined;
  if (tags === null) return [];
  if (!Array.isArray(tags) || !tags.every((tag) => typeof tag === "string")) {
    throw new RegistryUnavailableError(`${host} answers ${describeBody(answer)} where a list of tags was expected`);
  }
  return tags;
}

/** The next page's URL, or null after the last page. */
function nextPage(answer: HttpAnswer, from: URL, origin: string): URL | null {
  const header = answer.header("link");
  if (header === null) return null;
  let link: string | null;
  try {
    link = nextLink(header);
  } catch (error) {
    if (error instanceof LinkFormError)
      throw new RegistryUnavailableError(`${from.host} sends a Link that cannot be read`);
    throw error;
  }
  if (link === null) return null;
  if (!URL.canParse(link, from.href)) throw new RegistryUnavailableError(`${from.host} sends a Link that is no URL`);
  const next = new URL(link, from);
  if (next.origin !== origin || next.username !== "" || next.password !== "") {
    throw new RegistryUnavailableError(`${from.host} sends a Link to another origin, ${next.host}; it is not followed`);
  }
  return next;
}

function checkListStatus(answer: HttpAnswer, host: string, path: string): void {
  if (answer.status === 200) return;
  if (answer.status === 404)
    throw new RegistryUnavailableError(`${host} has no repository ${path}, or does not show it`);
  throw new RegistryUnavailableError(`${host} answers ${answer.status} where a list of tags was expected`);
}

/** Asks for the first page; a registry that will not have the page size may choose its own. */
async function firstPage(options: ListingOptions, url: URL, signal: AbortSignal): Promise<HttpAnswer> {
  const request = { method: "GET", url, accept: "application/json", maxBytes: options.limits.maxPageBytes } as const;
  const answer = await options.session.ask(request, signal);
  if (answer.status !== 400) return answer;
  const plain = new URL(url);
  plain.search = "";
  return await options.session.ask({ ...request, url: plain }, signal);
}

/**
 * All image tags of the repository, each once, in the registry's order. The whole is refused where the pages lead out
 * of the registry, in a circle, or on without end.
 */
export async function listAllTags(options: ListingOptions, signal: AbortSignal): Promise<readonly string[]> {
  const { session, origin, path, limits } = options;
  const { host } = new URL(origin);
  const tags = new Set<string>();
  const visited = new Set<string>();
  let bytes = 0;
  let listed = 0;
  let url: URL | null = new URL(`/v2/${path}/tags/list?n=${limits.pageSize}`, origin);
  while (url !== null) {
    if (visited.has(url.href)) throw new RegistryUnavailableError(`${host} sends its list of tags in a circle`);
    if (visited.size >= limits.maxPages) {
      throw new RegistryUnavailableError(`${host} sends its list of tags in more than ${limits.maxPages} pages`);
    }
    const request = { method: "GET", url, accept: "application/json", maxBytes: limits.maxPageBytes } as const;
    const answer: HttpAnswer =
      visited.size === 0 ? await firstPage(options, url, signal) : await session.ask(request, signal);
    visited.add(url.href);
    checkListStatus(answer, host, path);
    bytes += answer.body.length;
    const page = tagsIn(answer, host);
    listed += page.length;
    if (listed > limits.maxTags) throw new RegistryUnavailableError(`${host} lists more than ${limits.maxTags} tags`);
    if (bytes > limits.maxListBytes) {
      throw new RegistryUnavailableError(`${host} lists tags in more than ${limits.maxListBytes} bytes`);
    }
    for (const tag of page) if (isImageTag(tag)) tags.add(tag);
    url = nextPage(answer, url, origin);
  }
  return [...tags];
}
