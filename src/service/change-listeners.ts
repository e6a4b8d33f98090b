/** Those who want to know that the state has changed. */
export interface ChangeListeners {
  /** Answers what ends it. */
  add(listener: () => void): () => void;
  tell(): void;
}

/** A listener that is added or taken out while others are told is told the next time, or not any more. */
export function changeListeners(): ChangeListeners {
  const listeners = new Set<{ readonly call: () => void }>();
  return {
    add(call) {
      const entry = { call };
      listeners.add(entry);
      return () => void listeners.delete(entry);
    },
    tell() {
      for (const { call } of [...listeners]) call();
    },
  };
}
