import assert from "node:assert/strict";
import { test } from "node:test";
import { createWakeup } from "../../src/lib/abort.ts";

test("a notification wakes the waiter, and one that comes before the wait counts for it", async () => {
  const wakeup = createWakeup(new AbortController().signal);
  wakeup.notify();
  wakeup.notify();
  await wakeup.wait();
  let woken = false;
  const waiting = wakeup.wait().then(() => {
    woken = true;
  });
  await Promise.resolve();
  assert.equal(woken, false, "two notifications count as one");
  wakeup.notify();
  await waiting;
});

test("a wait ends with the reason of the signal, also one that begins afterwards", async () => {
  const controller = new AbortController();
  const wakeup = createWakeup(controller.signal);
  const waiting = wakeup.wait();
  controller.abort(new Error("gone"));
  await assert.rejects(waiting, /gone/);
  wakeup.notify();
  await assert.rejects(wakeup.wait(), /gone/);
});
