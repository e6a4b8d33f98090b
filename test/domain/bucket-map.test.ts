import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { emptyBucketMap, valueAt, withValue } from "../../src/domain/snapshot/bucket-map.ts";

test("a bucket map answers as a Map does, and the one it was made from stays as it was", () => {
  const entries = fc.array(fc.tuple(fc.string(), fc.integer()), { maxLength: 200 });
  fc.assert(
    fc.property(entries, (puts) => {
      const model = new Map<string, number>();
      let map = emptyBucketMap<number>();
      for (const [key, value] of puts) {
        const before = map;
        const old = valueAt(before, key);
        map = withValue(map, key, value, 1_000_000);
        model.set(key, value);
        assert.equal(valueAt(before, key), old);
      }
      for (const [key, value] of model) assert.equal(valueAt(map, key), value);
      assert.equal(valueAt(map, "never put in, whatever comes"), null);
    }),
  );
});

test("a bucket map forgets what is oldest rather than grow", () => {
  let map = emptyBucketMap<number>();
  for (let at = 0; at < 20_000; at++) map = withValue(map, `key ${at}`, at, 2_048);
  const size = map.buckets.reduce((sum, bucket) => sum + bucket.size, 0);
  assert.ok(size > 1_900 && size <= 2_048, `${size} entries`);
  assert.equal(valueAt(map, "key 19999"), 19_999);
  assert.equal(valueAt(map, "key 0"), null);
});
