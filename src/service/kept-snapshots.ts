import type { Snapshot } from "../domain/snapshot/snapshot.ts";

/** For how long a listing is kept after it is replaced (api.md, Paging), milliseconds. */
const KEPT_FOR = 60_000;
/** How many replaced listings are kept at most, so that paging through a busy cluster does not fill the memory. */
const MOST_KEPT = 128;

/** Snapshots that page tokens name, beyond the current one. */
export interface KeptSnapshots {
  keep(snapshot: Snapshot): void;
  /** This snapshot is the current one now: the minute of all others runs. */
  replacedBy(snapshot: Snapshot, now: number): void;
  /** The snapshot of the generation, where it is still kept. */
  find(generation: number, now: number): Snapshot | null;
}

/** Keeps snapshots from the moment a page token names them until a minute after they are replaced. */
export function keptSnapshots(): KeptSnapshots {
  const kept = new Map<number, { readonly snapshot: Snapshot; expiresAt: number | null }>();

  function drop(now: number): void {
    for (const [generation, { expiresAt }] of kept) {
      if ((expiresAt !== null && expiresAt <= now) || kept.size > MOST_KEPT) kept.delete(generation);
    }
  }

  return {
    keep(snapshot) {
      if (!kept.has(snapshot.generation)) kept.set(snapshot.generation, { snapshot, expiresAt: null });
    },
    replacedBy({ generation }, now) {
      for (const [other, entry] of kept) if (other !== generation) entry.expiresAt ??= now + KEPT_FOR;
      drop(now);
    },
    find(generation, now) {
      drop(now);
      return kept.get(generation)?.snapshot ?? null;
    },
  };
}
