import { maxDelimitedSize } from "../messages/wire.ts";
import { misplacedToken } from "./page-token.ts";

/** Maximum size of a message in bytes (docs/spec/api.md, Paging): clients refuse 4 MiB and more. */
export const MAX_MESSAGE_BYTES = 3 * 1_024 * 1_024;

/** Bytes reserved for the page token and the state, whose texts are limited. */
const RESERVED_BYTES = 16 * 1_024;

/** The entries of a listing, encoded when a page reaches them. */
export interface Entries {
  readonly count: number;
  /** The encoded message of one entry. */
  encode(index: number): Buffer;
  /** Whether the entry counts against the page size; default: all do. */
  counts?(index: number): boolean;
}

/** The entries of a list. */
export function entriesOf<Entry>(list: readonly Entry[], encode: (entry: Entry) => Buffer): Entries {
  return {
    count: list.length,
    encode(index) {
      const entry = list[index];
      if (entry === undefined) throw new RangeError(`the list has no entry ${index}`);
      return encode(entry);
    },
  };
}

/** Start and bounds of a page. */
export interface PageLimits {
  readonly offset: number;
  readonly pageSize: number;
  /** Bytes of the message that are taken already. */
  readonly taken: number;
}

/** One page of a listing. */
export interface Page {
  readonly messages: readonly Buffer[];
  /** Entries before the next page, or null where this is the last. */
  readonly next: number | null;
}

/**
 * The entries from `offset` on that fit: `pageSize` of those that count, within the bytes of a message. A page
 * holds one entry at least, so that every listing comes to its end.
 */
export function fillPage(entries: Entries, { offset, pageSize, taken }: PageLimits): Page {
  if (offset > 0 && offset >= entries.count) throw misplacedToken();
  const messages: Buffer[] = [];
  let room = MAX_MESSAGE_BYTES - RESERVED_BYTES - taken;
  let left = pageSize;
  for (let index = offset; index < entries.count; index++) {
    const counts = entries.counts?.(index) ?? true;
    if (counts && left === 0) return { messages, next: index };
    const message = entries.encode(index);
    room -= maxDelimitedSize(message.length);
    if (room < 0 && messages.length > 0) return { messages, next: index };
    messages.push(message);
    if (counts) left--;
  }
  return { messages, next: null };
}
