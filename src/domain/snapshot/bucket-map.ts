const BUCKETS = 1024;

/**
 * An immutable map with a bound on its size that shares all but what changed with the one it was made from: for tens of
 * thousands of entries that change one at a time, where a copy of a whole Map would cost more than the change.
 */
export interface BucketMap<V> {
  readonly buckets: readonly ReadonlyMap<string, V>[];
}

/** A map without entries. */
export function emptyBucketMap<V>(): BucketMap<V> {
  return { buckets: new Array<ReadonlyMap<string, V>>(BUCKETS).fill(new Map<string, V>()) };
}

/** The value of the key, or null. */
export function valueAt<V>(map: BucketMap<V>, key: string): V | null {
  return map.buckets[bucketOf(key)]?.get(key) ?? null;
}

/**
 * The map with the value put in as its bucket's newest. Where the bucket holds more than `most / 1024` entries, its
 * oldest one goes: the map as a whole never has more than about `most`.
 */
export function withValue<V>(map: BucketMap<V>, key: string, value: V, most: number): BucketMap<V> {
  const at = bucketOf(key);
  const bucket = new Map(map.buckets[at]);
  bucket.delete(key);
  bucket.set(key, value);
  const [oldest] = bucket.keys();
  if (bucket.size > Math.max(1, most / BUCKETS) && oldest !== undefined) bucket.delete(oldest);
  return { buckets: map.buckets.with(at, bucket) };
}

/** FNV-1a over the key's code units: keys that begin alike must not share a bucket. */
function bucketOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < key.length; at++) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193);
  return ((hash >>> 16) ^ hash) & (BUCKETS - 1);
}
