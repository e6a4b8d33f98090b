/** The open streams of a server: counted, and ended together when it stops. */
export interface StreamRegistry {
  /** Adds a stream; `end` is called when the server stops. Returns a function that removes it, which is idempotent. */
  open(end: () => void): () => void;
  /** Ends every stream that is open. */
  endAll(): void;
}

/** A registry that passes each new count to `observe`. */
export function createStreamRegistry(observe: (count: number) => void): StreamRegistry {
  const streams = new Set<{ readonly end: () => void }>();
  return {
    open(end) {
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
