import { RegistryUnavailableError } from "../../domain/errors.ts";
import { quotePeer } from "../../lib/redact.ts";
import type { HttpAnswer, HttpRequest } from "../http/http-client.ts";
import type { RegistryLimits } from "./limits.ts";
import { nextQuery } from "./link.ts";
import type { RegistrySession } from "./registry-session.ts";
import { createTagListScanner, TagListFormError, type TagListScanner } from "./tag-list-scanner.ts";

export interface TagPagesOptions {
  readonly session: RegistrySession;
  /** Scheme, host and port of the registry. */
  readonly origin: string;
  /** Of the repository in the registry's API. */
  readonly path: string;
  readonly limits: RegistryLimits;
}

/** One page of a list of tags. */
export interface TagPage {
  /** Of any answer but 200 the page has no names. */
  readonly status: number;
  /** Names in it. */
  readonly count: number;
  /** Names in it that no page had before. */
  readonly fresh: number;
  /** Its first, last and least name (by code unit); null where it has none. */
  readonly first: string | null;
  readonly last: string | null;
  readonly least: string | null;
  /** Whether its names are in ascending order, by code unit. */
  readonly isAscending: boolean;
  /** The query of the next page, as the registry's Link has it; null where there is none. */
  readonly next: string | null;
}

/** Reads the pages of one list of tags, and keeps their names. */
export interface TagPages {
  /** Every name so far, once, in the registry's order. */
  readonly names: ReadonlySet<string>;
  /** Whether the list has come to a limit: then every further failure is that. */
  readonly isExhausted: boolean;
  /**
   * The page of this query (`?n=1000`, or empty). Rejects as `RegistrySession.ask` does, and with a
   * RegistryUnavailableError where the answer is no list of tags or the list is larger than the limits allow.
   */
  read(query: string, signal: AbortSignal): Promise<TagPage>;
}

/** What kind of answer came instead of the one that was expected, without a word of it. */
function describeBody(header: HttpAnswer["header"]): string {
  const type = /^[\w.+-]+\/[\w.+-]+/.exec(header("content-type") ?? "")?.[0];
  return type === undefined ? "something else" : `${quotePeer(type.toLowerCase())} of another form`;
}

/** What one try of one page has brought. */
interface Reading {
  readonly scanner: TagListScanner;
  readonly added: string[];
  count: number;
  first: string | null;
  last: string | null;
  least: string | null;
  isAscending: boolean;
}

export function createTagPages({ session, origin, path, limits }: TagPagesOptions): TagPages {
  const { host } = new URL(origin);
  const names = new Set<string>();
  let pages = 0;
  let bytes = 0;
  let isExhausted = false;

  function exhausted(what: string): RegistryUnavailableError {
    isExhausted = true;
    return new RegistryUnavailableError(`${host} ${what}; the rest is not read`);
  }

  function beginReading(): Reading {
    const reading: Reading = {
      scanner: createTagListScanner((name) => take(reading, name)),
      added: [],
      count: 0,
      first: null,
      last: null,
      least: null,
      isAscending: true,
    };
    return reading;
  }

  function take(reading: Reading, name: string | null): void {
    reading.count += 1;
    if (name === null) return;
    if (reading.last !== null && name <= reading.last) reading.isAscending = false;
    reading.first ??= name;
    reading.last = name;
    if (reading.least === null || name < reading.least) reading.least = name;
    if (names.has(name)) return;
    if (names.size >= limits.maxTags) throw exhausted(`lists more than ${limits.maxTags} tags`);
    names.add(name);
    reading.added.push(name);
  }

  /** Runs a step of the scanner, and says in our own words what it finds wrong. */
  function checked(header: HttpAnswer["header"], step: () => void): void {
    try {
      step();
    } catch (error) {
      if (!(error instanceof TagListFormError)) throw error;
      throw new RegistryUnavailableError(`${host} answers ${describeBody(header)} where a list of tags was expected`);
    }
  }

  function weigh(chunk: Buffer): void {
    bytes += chunk.length;
    if (bytes > limits.maxListBytes) throw exhausted(`lists tags in more than ${limits.maxListBytes} bytes`);
  }

  return {
    names,
    get isExhausted() {
      return isExhausted;
    },
    async read(query, signal) {
      if (pages >= limits.maxPages) throw exhausted(`sends its list of tags in more than ${limits.maxPages} pages`);
      pages += 1;
      let reading = beginReading();
      const reader: HttpRequest["reader"] = (header) => {
        // Of a try that broke off nothing counts.
        for (const name of reading.added) names.delete(name);
        reading = beginReading();
        return (chunk) => {
          weigh(chunk);
          checked(header, () => reading.scanner.push(chunk));
        };
      };
      const url = new URL(`/v2/${path}/tags/list${query}`, origin);
      const request = {
        method: "GET",
        url,
        accept: "application/json",
        maxBytes: limits.maxPageBytes,
        reader,
      } as const;
      const answer = await session.ask(request, signal);
      if (answer.status === 200) checked(answer.header, () => reading.scanner.end());
      const { scanner: _, added, ...page } = reading;
      const next = answer.status === 200 ? nextQuery(answer.header("link") ?? "") : null;
      return { status: answer.status, fresh: added.length, next, ...page };
    },
  };
}
