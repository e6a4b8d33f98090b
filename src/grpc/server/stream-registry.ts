import { TooManyStreamsError } from "../../domain/errors.ts";

/** The open streams of a server: counted, limited, and ended together when it stops. */
export interface StreamRegistry {
  /**
   * Takes a stream in; `end` is called when the server stops. Answers what lets the stream go, which may be called more
   * than once. Error: TooManyStreamsError.
   */
  open(end: () => void): () => void;
  /** Ends every stream that is open. */
  endAll(): void;
}

/** A registry of at most `limit` streams that tells `observe` of each new count. */
export function createStreamRegistry(limit: number, observe: (count: number) => void): StreamRegistry {
  const streams = new Set<{ readonly end: () => void }>();
  return {
    open(end) {
      if (streams.size >= limit) throw new TooManyStreamsError(limit);
      const stream = { end };
      streams.add(stream);
      observe(streams.size);
      return () => {
        if (streams.delete(stream)) observe(streams.size);
      };
    },
    endAll() {
      for (const stream of [...streams]) stream.end();
    },
  };
}
