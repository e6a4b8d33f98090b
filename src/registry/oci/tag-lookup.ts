import { RegistryUnavailableError } from "../../domain/errors.ts";
import type { RemoteTag } from "../../domain/tags/remote-tag.ts";
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
   * The tag as the registry has it now, or null where it has none. Callers who ask for the same tag at one time share
   * one request; one who aborts gets the signal's reason and leaves the others unharmed. With as many different tags
   * under way as are allowed, another is turned away with a RegistryUnavailableError rather than queued: a caller who
   * asks for arbitrary tags could fill any queue.
   */
  lookup(tag: string, signal: AbortSignal): Promise<RemoteTag | null>;
}

export function createTagLookup(source: TagSource, { maxConcurrent }: { readonly maxConcurrent: number }): TagLookup {
  const flights = createSingleFlight<RemoteTag | null>();
  return {
    async lookup(tag, signal) {
      if (!flights.has(tag) && flights.size >= maxConcurrent) {
        throw new RegistryUnavailableError(
          `${maxConcurrent} other tags are being looked up at the registry; try again`,
        );
      }
      return await flights.run(tag, signal, (flightSignal) => source.lookUpTag(tag, flightSignal));
    },
  };
}
