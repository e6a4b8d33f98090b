import { RegistryUnavailableError } from "../../domain/errors.ts";
import type { RemoteTag } from "../../domain/tags/remote-tag.ts";
import { createFairPool } from "../../lib/concurrency.ts";
import { createSingleFlight } from "../../lib/memoize.ts";

/** A source of single tags. */
export interface TagSource {
  /**
   * The tag as the registry has it now; null where it is proven absent. Rejects with a RegistryDeniedError or a
   * RegistryUnavailableError, or with the signal's reason.
   */
  lookUpTag(tag: string, signal: AbortSignal): Promise<RemoteTag | null>;
}

/** Resolves single tags on demand, for look-ups of tags outside the prepull set. */
export interface TagLookup {
  /**
   * The tag as the registry has it now, or null where it has none. Calls of one peer for the same tag at one time share one
   * request; a caller that aborts gets the signal's reason and leaves the others unharmed. With as many look-ups under way
   * as are allowed, another is refused with a RegistryUnavailableError rather than queued, since a caller that asks for
   * arbitrary tags could fill any queue. Where its peer has fewer under way than another, that one loses its oldest instead.
   */
  lookup(tag: string, peer: string, signal: AbortSignal): Promise<RemoteTag | null>;
}

export interface TagLookupOptions {
  readonly maxConcurrent: number;
  /** A look-up of this peer was refused, or has given way. Must not throw. */
  readonly onLimit?: (peer: string) => void;
}

export function createTagLookup(source: TagSource, { maxConcurrent, onLimit }: TagLookupOptions): TagLookup {
  const flights = createSingleFlight<RemoteTag | null>();
  const places = createFairPool(maxConcurrent);

  function turnedAway(peer: string): RegistryUnavailableError {
    onLimit?.(peer);
    return new RegistryUnavailableError(`${maxConcurrent} other tags are being looked up at the registry; try again`);
  }

  async function lookUpInPlace(tag: string, peer: string, signal: AbortSignal): Promise<RemoteTag | null> {
    const evicted = new AbortController();
    const holder = { yields: () => false, evict: () => evicted.abort(turnedAway(peer)) };
    const place = places.take({ owner: peer, member: places, amount: 1 }, holder);
    if (place === null) throw turnedAway(peer);
    try {
      return await source.lookUpTag(tag, AbortSignal.any([signal, evicted.signal]));
    } finally {
      place.release();
    }
  }

  return {
    lookup: (tag, peer, signal) =>
      flights.run(`${peer} ${tag}`, signal, (flightSignal) => lookUpInPlace(tag, peer, flightSignal)),
  };
}
