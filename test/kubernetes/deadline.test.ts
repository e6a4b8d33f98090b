import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { DeadlineReached, orAborted, pause, withDeadline } from "../../src/lib/abort.ts";
import { manualClock } from "../support/manual-clock.ts";

const never = new AbortController().signal;

describe("deadline", () => {
  it("ends work that does not notice its signal", async () => {
    const clock = manualClock();
    const work = withDeadline(clock, 1_000, never, () => new Promise<never>(() => undefined));
    const rejected = assert.rejects(work, DeadlineReached);
    await clock.advance(1_000);
    await rejected;
    assert.equal(clock.pending, 0);
  });

  it("takes its timer back when the work is done, or fails", async () => {
    const clock = manualClock();
    assert.equal(await withDeadline(clock, 1_000, never, async () => 7), 7);
    const failing = withDeadline(clock, 1_000, never, () => Promise.reject(new Error("no")));
    await assert.rejects(failing, /^Error: no$/);
    assert.equal(clock.pending, 0);
  });

  it("passes an abort of the caller on, with its reason, and begins nothing after it", async () => {
    const clock = manualClock();
    const stop = new AbortController();
    const reason = new Error("stop");
    const work = withDeadline(clock, 1_000, stop.signal, async (signal) => {
      stop.abort(reason);
      assert.equal(signal.reason, reason);
      throw new Error("what a library makes of it");
    });
    await assert.rejects(work, reason);
    await assert.rejects(
      withDeadline(clock, 1_000, stop.signal, () => assert.fail()),
      reason,
    );
    await assert.rejects(
      orAborted(
        Promise.resolve(1).then(() => new Promise(() => undefined)),
        stop.signal,
      ),
      reason,
    );
  });
});

describe("pause", () => {
  it("lasts as long as configured", async () => {
    const clock = manualClock();
    let over = false;
    const paused = pause(clock, 1_000, never).then(() => {
      over = true;
    });
    await clock.advance(999);
    assert.equal(over, false);
    await clock.advance(1);
    await paused;
  });

  it("ends with an abort, and leaves nothing behind", async () => {
    const clock = manualClock();
    const stop = new AbortController();
    const paused = assert.rejects(pause(clock, 1_000, stop.signal), /stop/);
    stop.abort(new Error("stop"));
    await paused;
    await assert.rejects(pause(clock, 1_000, stop.signal), /stop/);
    assert.equal(clock.pending, 0);
  });
});
