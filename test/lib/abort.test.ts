import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import { abortable } from "../../src/lib/abort.ts";

test("what can be aborted resolves with its value, and leaves no listener behind", async () => {
  const { signal } = new AbortController();
  const { promise, resolve } = Promise.withResolvers<(value: string) => void>();
  const result = abortable<string>(signal, (done) => {
    resolve(done);
    return () => assert.fail("nothing is taken back");
  });
  assert.equal(getEventListeners(signal, "abort").length, 1);
  (await promise)("done");
  assert.equal(await result, "done");
  assert.equal(getEventListeners(signal, "abort").length, 0);
});

test("an abort takes back what was started, and rejects with its reason; after it nothing is started", async () => {
  const controller = new AbortController();
  const reason = new Error("enough");
  let taken = 0;
  const result = abortable(controller.signal, () => () => {
    taken += 1;
  });
  controller.abort(reason);
  await assert.rejects(result, reason);
  assert.equal(taken, 1);
  await assert.rejects(
    abortable(controller.signal, () => assert.fail("it has been aborted")),
    reason,
  );
});
