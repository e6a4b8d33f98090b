import type { Catalog } from "../domain/images/catalog.ts";
import type { Snapshot } from "../domain/snapshot/snapshot.ts";
import type { Clock } from "../ports.ts";

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
  replacedBy(snapshot: Snapshot): void;
  /** The snapshot of the generation, where it is in the cache. */
  find(generation: number): Snapshot | null;
  /** Releases all of them. */
  clear(): void;
}

interface Entry {
  readonly snapshot: Snapshot;
  /** `Clock.monotonicTime`; null while it is the current one. */
  expiresAt: number | null;
}

/**
 * Keeps snapshots from the moment at which a page token names them until a minute after they are replaced. Where that would
 * take more than `maxBytes` the oldest go earlier, but never the latest. They go by the clock, whether anybody asks or not.
 */
export function createSnapshotCache(
  clock: Pick<Clock, "monotonicTime" | "schedule">,
  maxBytes: number = MAX_BYTES,
): SnapshotCache {
  // By generation, in the order in which they were replaced.
  const entries = new Map<number, Entry>();
  const catalogUses = new Map<Catalog, number>();
  /** The one that was added last: only it may be the current one. */
  let latest: Entry | null = null;
  let currentCatalogs: readonly Catalog[] = [];
  let ownBytes = 0;
  let cancelExpiry: (() => void) | null = null;

  function add(snapshot: Snapshot): void {
    latest = { snapshot, expiresAt: null };
    entries.set(snapshot.generation, latest);
    ownBytes += bytesOf(snapshot);
    for (const catalog of snapshot.catalogs) catalogUses.set(catalog, (catalogUses.get(catalog) ?? 0) + 1);
  }

  function remove(entry: Entry): void {
    const { snapshot } = entry;
    if (entry === latest) latest = null;
    entries.delete(snapshot.generation);
    ownBytes -= bytesOf(snapshot);
    for (const catalog of snapshot.catalogs) {
      const uses = (catalogUses.get(catalog) ?? 0) - 1;
      if (uses > 0) catalogUses.set(catalog, uses);
      else catalogUses.delete(catalog);
    }
  }

  /** The current catalogs are there anyway. */
  function bytes(): number {
    let sum = ownBytes;
    for (const catalog of catalogUses.keys()) {
      if (!currentCatalogs.includes(catalog)) sum += BYTES_PER_TAG * catalog.entries.length;
    }
    return sum;
  }

  function expire(): void {
    for (const entry of entries.values()) {
      if (entry.expiresAt === null || entry.expiresAt > clock.monotonicTime()) break;
      remove(entry);
    }
    expireLater();
  }

  function expireLater(): void {
    cancelExpiry?.();
    const [oldest] = entries.values();
    const at = oldest?.expiresAt ?? null;
    cancelExpiry = at === null ? null : clock.schedule(at - clock.monotonicTime(), expire);
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
    replacedBy({ generation, catalogs }) {
      currentCatalogs = catalogs;
      if (latest !== null && latest.snapshot.generation !== generation) {
        latest.expiresAt ??= clock.monotonicTime() + TTL_MS;
      }
      shrink();
      expire();
    },
    find(generation) {
      expire();
      return entries.get(generation)?.snapshot ?? null;
    },
    clear() {
      for (const entry of entries.values()) remove(entry);
      expireLater();
    },
  };
}

function bytesOf({ table }: Snapshot): number {
  return BYTES_PER_SNAPSHOT + BYTES_PER_NODE * table.records.length;
}
