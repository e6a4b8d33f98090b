import assert from "node:assert/strict";
import { test } from "node:test";
import { answerOf, createAnswerCache, withState } from "../../src/grpc/messages/answer.ts";
import { snapshotOf } from "./support/fake-state.ts";

test("a state is put behind the answer, and the whole is kept while the state is the same", () => {
  const answer = answerOf(Buffer.from("ab"), Buffer.from("c"));
  const [first, second] = [Buffer.from("1"), Buffer.from("22")];
  const whole = withState(answer, first);
  assert.equal(whole.toString(), "abc1");
  assert.equal(withState(answer, first), whole);
  assert.equal(withState(answer, second).toString(), "abc22");
  assert.equal(whole.toString(), "abc1");
});

test("answers of the newest snapshot are kept, the oldest go when there is no more room", () => {
  const cache = createAnswerCache(3_000);
  const [one, two] = [snapshotOf(1, { images: [] }), snapshotOf(2, { images: [] })];
  const sized = (bytes: number) => answerOf(Buffer.alloc(bytes));
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
