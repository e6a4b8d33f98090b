import assert from "node:assert/strict";
import { test } from "node:test";
import { createResponseCache, responseOf, withState } from "../../src/grpc/messages/response-cache.ts";
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

test("responses from the newest snapshot are kept, the oldest go when there is no more room", () => {
  const cache = createResponseCache(3_000);
  const [one, two] = [snapshotOf(1, { images: [] }), snapshotOf(2, { images: [] })];
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

  cache.add(two, "b", b);
  assert.equal(cache.add(one, "a", a), a);
  assert.equal(cache.find(one, "a"), undefined);
  assert.equal(cache.find(two, "b"), b);
});
