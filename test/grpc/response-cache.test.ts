import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Snapshot } from "../../src/domain/snapshot/snapshot.ts";
import { createResponseCache, responseOf, withState } from "../../src/grpc/messages/response-cache.ts";
import { collectGarbage } from "../support/collect-garbage.ts";
import { snapshotOf } from "./support/fake-state.ts";

test("a state is appended to the response, and the whole is kept while the state is the same", () => {
  const response = responseOf(Buffer.from("ab"), Buffer.from("c"));
  const [first, second] = [Buffer.from("1"), Buffer.from("22")];
  const whole = withState(response, first);
  assert.equal(whole.toString(), "abc1");
  assert.equal(withState(response, first), whole);
  assert.equal(withState(response, second).toString(), "abc22");
  assert.equal(whole.toString(), "abc1");
});

test("responses from the newest snapshot are kept, the oldest go when there is no room left", () => {
  const [one, two] = [snapshotOf(1, { images: [] }), snapshotOf(2, { images: [] })];
  const reader = readerOf(one);
  const cache = createResponseCache(reader, 3_000);
  const sized = (bytes: number) => responseOf(Buffer.alloc(bytes));
  const [a, b, c] = [sized(1_000), sized(900), sized(800)];
  assert.equal(cache.add(one, "a", a), a);
  assert.equal(cache.find(one, "a"), a);
  assert.equal(cache.find(two, "a"), undefined);
  cache.add(one, "b", b);
  cache.add(one, "c", c);
  assert.equal(cache.find(one, "a"), undefined);
  assert.equal(cache.find(one, "b"), b);
  assert.equal(cache.find(one, "c"), c);
  cache.add(one, "huge", sized(5_000));
  assert.equal(cache.find(one, "huge"), undefined);
  assert.equal(cache.find(one, "b"), undefined);

  reader.turnTo(two);
  cache.add(two, "b", b);
  assert.equal(cache.add(one, "a", a), a);
  assert.equal(cache.find(one, "a"), undefined);
  assert.equal(cache.find(two, "b"), b);
});

test("F60: responses are released with the snapshot that they are from, without anybody asking", async () => {
  const [one, two] = [snapshotOf(1, { images: [] }), snapshotOf(2, { images: [] })];
  const reader = readerOf(one);
  const cache = createResponseCache(reader, 3_000);
  const released = new WeakRef(cache.add(one, "a", responseOf(Buffer.alloc(1_000))));
  reader.turnTo(two);
  // What a WeakRef was made of stays until the end of the turn.
  await nextTurn();
  collectGarbage();
  assert.equal(released.deref(), undefined);
});

/** A reader whose snapshot is replaced by hand. */
function readerOf(first: Snapshot) {
  const listeners = new Set<() => void>();
  let current = first;
  return {
    current: () => current,
    onChange(listener: () => void) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    turnTo(next: Snapshot) {
      current = next;
      for (const listener of listeners) listener();
    },
  };
}
