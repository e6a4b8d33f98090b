import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { describe, it } from "node:test";
import { RegistryDeniedError, RegistryUnavailableError } from "../../src/domain/errors.ts";
import { pause, startDeadline } from "../../src/lib/abort.ts";
import { createSemaphore, forEachConcurrently } from "../../src/lib/concurrency.ts";
import { createSingleFlight } from "../../src/lib/memoize.ts";
import { createOperations } from "../../src/registry/oci/operation.ts";
import { manualClock } from "../support/manual-clock.ts";

const gone = new Error("the caller has gone");

function listeners(signal: AbortSignal): number {
  return getEventListeners(signal, "abort").length;
}

describe("pause", () => {
  it("resolves after its time, or rejects as soon as its signal aborts, and leaves nothing behind", async () => {
    const clock = manualClock();
    const controller = new AbortController();
    const done = pause(clock, 100, controller.signal);
    await clock.advance(100);
    await done;
    assert.equal(listeners(controller.signal), 0);
    const cut = pause(clock, 100, controller.signal);
    controller.abort(gone);
    await assert.rejects(cut, gone);
    assert.equal(clock.pending, 0);
    await assert.rejects(pause(clock, 100, controller.signal), gone);
  });
});

describe("deadline", () => {
  it("distinguishes its own end from a parent's, and releases timer and listeners", async () => {
    const clock = manualClock();
    const parent = new AbortController();
    const other = new AbortController();
    const first = startDeadline(clock, 100, parent.signal, other.signal);
    await clock.advance(100);
    assert.deepEqual([first.signal.aborted, first.expired], [true, true]);
    first.release();
    const second = startDeadline(clock, 100, parent.signal, other.signal);
    other.abort(gone);
    assert.deepEqual([second.signal.reason, second.expired], [gone, false]);
    await clock.advance(100);
    assert.equal(second.expired, false);
    second.release();
    assert.equal(startDeadline(clock, 100, other.signal).signal.reason, gone);
    assert.equal(listeners(parent.signal), 0);
  });
});

describe("semaphore", () => {
  it("lets a limited number in, in order, and forgets who stops waiting", async () => {
    const semaphore = createSemaphore(1);
    const { signal } = new AbortController();
    const impatient = new AbortController();
    const order: string[] = [];
    const release = await semaphore.acquire(signal);
    const skipped = semaphore.acquire(impatient.signal);
    const second = semaphore.acquire(signal).then((free) => {
      order.push("second");
      return free;
    });
    const third = semaphore.acquire(signal).then((free) => {
      order.push("third");
      free();
    });
    impatient.abort(gone);
    await assert.rejects(skipped, gone);
    await assert.rejects(semaphore.acquire(impatient.signal), gone);
    release();
    release();
    const releaseSecond = await second;
    assert.deepEqual(order, ["second"]);
    releaseSecond();
    await third;
    assert.deepEqual(order, ["second", "third"]);
    assert.equal(listeners(signal), 0);
  });
});

describe("single flight", () => {
  it("shares one run, and starts a new one when it is over", async () => {
    const flights = createSingleFlight<number>();
    const { signal } = new AbortController();
    const { promise, resolve } = Promise.withResolvers<number>();
    let runs = 0;
    const work = () => {
      runs += 1;
      return promise;
    };
    const both = Promise.all([flights.run("a", signal, work), flights.run("a", signal, work)]);
    assert.deepEqual([flights.size, flights.has("a"), flights.has("b")], [1, true, false]);
    resolve(7);
    assert.deepEqual(await both, [7, 7]);
    assert.equal(flights.size, 0);
    assert.equal(await flights.run("a", signal, work), 7);
    assert.equal(runs, 2);
    assert.equal(listeners(signal), 0);
  });

  it("outlives a caller, but not the last one", async () => {
    const flights = createSingleFlight<number>();
    const controllers = [new AbortController(), new AbortController()] as const;
    let flightSignal: AbortSignal | undefined;
    const work = (signal: AbortSignal) => {
      flightSignal = signal;
      return new Promise<number>((_resolve, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason));
      });
    };
    const first = flights.run("a", controllers[0].signal, work);
    const second = flights.run("a", controllers[1].signal, work);
    controllers[0].abort(gone);
    await assert.rejects(first, gone);
    assert.equal(flightSignal?.aborted, false);
    controllers[1].abort(gone);
    await assert.rejects(second, gone);
    assert.equal(flightSignal?.aborted, true);
    assert.equal(flights.size, 0);
    await assert.rejects(flights.run("a", controllers[0].signal, work), gone);
  });

  it("passes one failure to all", async () => {
    const flights = createSingleFlight<number>();
    const { signal } = new AbortController();
    const work = () => Promise.reject(gone);
    const results = await Promise.allSettled([flights.run("a", signal, work), flights.run("a", signal, work)]);
    assert.deepEqual(
      results.map(({ status }) => status),
      ["rejected", "rejected"],
    );
  });
});

describe("concurrent work on a list", () => {
  it("is bounded, and does everything once", async () => {
    const { signal } = new AbortController();
    const done: number[] = [];
    let running = 0;
    let peak = 0;
    await forEachConcurrently([1, 2, 3, 4, 5], 2, signal, async (item) => {
      running += 1;
      peak = Math.max(peak, running);
      await Promise.resolve();
      running -= 1;
      done.push(item);
    });
    assert.deepEqual(done, [1, 2, 3, 4, 5]);
    assert.equal(peak, 2);
    assert.equal(listeners(signal), 0);
    await forEachConcurrently([], 2, signal, () => Promise.reject(gone));
  });

  it("stops at the first failure and at an abort", async () => {
    const { signal } = new AbortController();
    const seen: number[] = [];
    let other: AbortSignal | undefined;
    const work = async (item: number, workSignal: AbortSignal) => {
      seen.push(item);
      if (item === 2) throw gone;
      other = workSignal;
      await new Promise<void>((resolve) => workSignal.addEventListener("abort", () => resolve()));
    };
    await assert.rejects(forEachConcurrently([1, 2, 3], 2, signal, work), gone);
    assert.equal(other?.aborted, true);
    assert.deepEqual(seen, [1, 2]);
    await assert.rejects(forEachConcurrently([1], 2, AbortSignal.abort(gone), work), gone);
  });
});

describe("operation", () => {
  it("wraps what the port does not allow, and keeps what it does", async () => {
    const operations = createOperations(manualClock(), 1_000, "registry.example");
    const { signal } = new AbortController();
    const denied = new RegistryDeniedError("refused");
    await assert.rejects(
      operations.run(signal, () => Promise.reject(denied)),
      denied,
    );
    await assert.rejects(
      operations.run(signal, () => Promise.reject(gone)),
      (error) => {
        assert.ok(error instanceof RegistryUnavailableError);
        assert.deepEqual([error.message, error.cause], ["asking registry.example failed", gone]);
        return true;
      },
    );
    assert.equal(await operations.run(signal, async () => 7), 7);
    assert.equal(listeners(signal), 0);
  });
});
