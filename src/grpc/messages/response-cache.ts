/**
 * Responses as bytes. The content is encoded once; the state, which may turn stale without a new snapshot, is appended, and
 * the whole is kept for the next call (protobuf messages may be concatenated).
 */
import type { Snapshot } from "../../domain/snapshot/snapshot.ts";
import { ownBytes } from "../../lib/bytes.ts";
import type { StateReader } from "../../ports.ts";

/** An encoded response without its state, and the last whole that was made of it. */
export interface CachedResponse {
  /** Bytes of the content at the front of `whole`. */
  readonly length: number;
  whole: Buffer;
  /** The state at the end of `whole`, by identity; null while there is none. */
  state: Buffer | null;
}

/** A response of these parts. */
export function responseOf(...parts: readonly Buffer[]): CachedResponse {
  const whole = ownBytes(...parts);
  return { length: whole.length, whole, state: null };
}

/** The whole message. The bytes must not be written to. */
export function withState(response: CachedResponse, state: Buffer): Buffer {
  if (response.state !== state) {
    response.whole = ownBytes(response.whole.subarray(0, response.length), state);
    response.state = state;
  }
  return response.whole;
}

/** Responses from the newest snapshot, by a key of what was requested. */
export interface ResponseCache {
  find(snapshot: Snapshot, key: string): CachedResponse | undefined;
  /** Keeps the response, where its snapshot is the newest and as long as there is room for it, and returns it. */
  add(snapshot: Snapshot, key: string, response: CachedResponse): CachedResponse;
}

/** Approximate cost of an entry besides the response's bytes. */
const OVERHEAD_BYTES = 512;

/**
 * Keeps up to `maxBytes` of responses, the latest ones: callers choose the keys, and must not be able to fill the memory
 * with them. Responses from earlier snapshots, which page tokens go back to, are not kept, and all go when their snapshot is
 * replaced, whether anybody asks for the next ones or not.
 */
export function createResponseCache(
  reader: Pick<StateReader, "current" | "onChange">,
  maxBytes: number,
): ResponseCache {
  const responses = new Map<string, CachedResponse>();
  let newest: Snapshot | null = null;
  let bytes = 0;

  function turnTo(snapshot: Snapshot | null): void {
    if (snapshot === newest) return;
    newest = snapshot;
    responses.clear();
    bytes = 0;
  }

  function makeRoom(): void {
    for (const [key, response] of responses) {
      if (bytes <= maxBytes) return;
      responses.delete(key);
      bytes -= response.length + OVERHEAD_BYTES;
    }
  }

  reader.onChange(() => {
    if (newest !== null && newest !== reader.current()) turnTo(null);
  });

  return {
    find: (snapshot, key) => (snapshot === newest ? responses.get(key) : undefined),
    add(snapshot, key, response) {
      if (snapshot !== reader.current()) return response;
      turnTo(snapshot);
      responses.set(key, response);
      bytes += response.length + OVERHEAD_BYTES;
      makeRoom();
      return response;
    },
  };
}
