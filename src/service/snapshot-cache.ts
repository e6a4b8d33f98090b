import type { Catalog } from "../domain/images/catalog.ts";
import type { Snapshot } from "../domain/snapshot/snapshot.ts";

/** How long a listing is kept after it is replaced (docs/spec/api.md, Paging), milliseconds. */
const TTL_MS = 60_000;
/** Bytes of replaced snapshots: on 10 nodes some 5,000 of them, on 5,000 nodes 100. */
const MAX_BYTES = 32 * 1_024 * 1_024;

/**
 * Bytes that a snapshot holds beyond what it shares with the ones around it, measured and rounded up: its answers have an
 * entry for each node, and a catalog that has changed is a new one.
 */
const BYTES_PER_SNAPSHOT = 6_000;
const BYTES_PER_NODE = 64;
const BYTES_PER_TAG = 400;

/** Replaced snapshots that page tokens name. */
export interface SnapshotCache {
  /** A page token names this snapshot, which is current or in the cache. */
  keep(snapshot: Snapshot): void;
  /** This snapshot is the current one from now on: the minute of the one before it runs. */
  replacedBy(snapshot: Snapshot, now: number): void;
  /** The snapshot of the generation, where it is in the cache. */
  find(generation: number, now: number): Snapshot | null;
}

interface Entry {
  readonly snapshot: Snapshot;
  /** Null while it is the current one. */
  expiresAt: number | null;
}

/**
 * Keeps snapshots from the moment at which a page token names them until a minute after they are replaced. Where that would
 * take more than `maxBytes` the oldest go earlier, but never the latest.
 */
export function createSnapshotCache(maxBytes: number = MAX_BYTES): SnapshotCache {
  // By generation, in the order in which they were replaced.
  const entries = new Map<number, Entry>();
  const catalogUses = new Map<Catalog, number>();
  /** The one that was added last: only it may be the current one. */
  let latest: Entry | null = null;
  let currentCatalog: Catalog | null = null;
  let ownBytes = 0;

  function add(snapshot: Snapshot): void {
    latest = { snapshot, expiresAt: null };
    entries.set(snapshot.generation, latest);
    ownBytes += bytesOf(snapshot);
    catalogUses.set(snapshot.catalog, (catalogUses.get(snapshot.catalog) ?? 0) + 1);
  }

  function remove({ snapshot }: Entry): void {
    entries.delete(snapshot.generation);
    ownBytes -= bytesOf(snapshot);
    const uses = (catalogUses.get(snapshot.catalog) ?? 0) - 1;
    if (uses > 0) catalogUses.set(snapshot.catalog, uses);
    else catalogUses.delete(snapshot.catalog);
  }

  /** The current catalog is there anyway. */
  function bytes(): number {
    let sum = ownBytes;
    for (const catalog of catalogUses.keys()) {
      if (catalog !== currentCatalog) sum += BYTES_PER_TAG * catalog.entries.length;
    }
    return sum;
  }

  function expire(now: number): void {
    for (const entry of entries.values()) {
      if (entry.expiresAt === null || entry.expiresAt > now) return;
      remove(entry);
    }
  }

  function shrink(): void {
    for (const entry of entries.values()) {
      if (bytes() <= maxBytes || entries.size === 1) return;
      remove(entry);
    }
  }

  return {
    keep(snapshot) {
      if (entries.has(snapshot.generation)) return;
      add(snapshot);
      shrink();
    },
    replacedBy({ generation, catalog }, now) {
      currentCatalog = catalog;
      if (latest !== null && latest.snapshot.generation !== generation) latest.expiresAt ??= now + TTL_MS;
      expire(now);
      shrink();
    },
    find(generation, now) {
      expire(now);
      return entries.get(generation)?.snapshot ?? null;
    },
  };
}

function bytesOf({ table }: Snapshot): number {
  return BYTES_PER_SNAPSHOT + BYTES_PER_NODE * table.records.length;
}
