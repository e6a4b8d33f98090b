import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PullCancelledError } from "../../src/domain/prepull/pull.ts";
import { prepullPodName } from "../../src/kubernetes/pods/prepull-pod.ts";
import { machineTime } from "../../src/simulation/kubernetes/kubernetes-time.ts";
import { eventually } from "../support/eventually.ts";
import { digest } from "./node-fixture.ts";
import {
  abandon,
  ended,
  failureOf,
  INSTANCE,
  type PrepullBench,
  startPrepullBench,
  unending,
} from "./prepull-fixture.ts";

const PULLED = { kind: "pulled" };
const done = (number: number) => ended(0, "Completed", `lab@${digest(number)}`);

/** Refuses deletions. */
function keepPods(bench: PrepullBench): void {
  bench.api.intercept((request, response) => {
    if (request.method !== "DELETE") return false;
    response.writeHead(500, { "content-type": "application/json" }).end("{}");
    return true;
  });
}

describe("puller: how many pods there are", () => {
  it("creates a pod only when the one before has gone, also where that one's pull was cancelled", async () => {
    await using bench = await startPrepullBench();
    const puller = bench.puller({ maxPods: 1 });
    const [first, second] = [bench.order("alder", 1), bench.order("beech", 1)];
    const cancel = new AbortController();
    const cancelled = assert.rejects(puller.pull(first, cancel.signal), PullCancelledError);
    await bench.pod(first);
    const held: (() => void)[] = [];
    bench.api.intercept((request, _response, pass) => {
      if (request.method !== "DELETE" || held.length > 0) return false;
      held.push(pass);
      return true;
    });
    cancel.abort(new PullCancelledError());
    const next = puller.pull(second, unending);
    await eventually(() => assert.equal(held.length, 1));
    assert.equal(bench.count("POST"), 1);
    for (const pass of held) pass();
    await cancelled;
    await bench.say(second, done(1));
    assert.deepEqual(await next, PULLED);
    assert.deepEqual(bench.pods(), []);
  });

  it("goes on after its time where a pod cannot be removed", async () => {
    await using bench = await startPrepullBench();
    keepPods(bench);
    const puller = bench.puller({ maxPods: 1 });
    const orders = ["alder", "beech"].map((name) => bench.order(name, 1));
    const pulls = orders.map((order) => puller.pull(order, unending));
    for (const order of orders) await bench.say(order, done(1));
    assert.deepEqual(await Promise.all(pulls), [PULLED, PULLED]);
    assert.equal(bench.pods().length, 2);
  });

  it("counts the pods of an earlier process: who adopts one need not wait, others wait until one has ended (P1)", async () => {
    await using bench = await startPrepullBench();
    const [adopted, left, fresh] = ["alder", "beech", "cedar"].map((name) => bench.order(name, 1));
    assert.ok(adopted && left && fresh);
    await abandon(bench, [adopted, left]);
    const puller = bench.puller({ maxPods: 2 });
    assert.deepEqual(await puller.recover(() => true, unending), []);
    const pulls = [fresh, adopted].map((order) => puller.pull(order, unending));
    // The one of those that need not wait is refused by the name.
    await eventually(() => assert.equal(bench.count("POST"), 3));
    await eventually(() => assert.equal(bench.api.watches, 1));
    assert.equal(bench.pods().length, 2);
    await bench.say(left, done(1));
    await bench.say(fresh, done(1));
    await bench.say(adopted, done(1));
    assert.deepEqual(await Promise.all(pulls), [PULLED, PULLED]);
    assert.equal((await puller.recover(() => true, unending)).length, 1);
    assert.deepEqual(bench.pods(), []);
  });

  it("says so where the pull could not begin in time", async () => {
    await using bench = await startPrepullBench();
    await abandon(bench, [bench.order("alder", 1)]);
    const puller = bench.puller({ maxPods: 1 });
    await puller.recover(() => true, unending);
    const failure = failureOf(await puller.pull(bench.order("beech", 1, 100), unending));
    assert.equal(failure.reason, "Timeout");
    assert.match(failure.message, /could not begin in time/);
    assert.equal(bench.count("POST"), 1);
  });

  it("does not wait for a pod that is overdue and cannot be removed", async () => {
    await using bench = await startPrepullBench();
    await abandon(bench, [bench.order("alder", 1)]);
    keepPods(bench);
    const later = { ...machineTime, wallTime: () => Date.now() + 3_600_000 };
    const puller = bench.puller({ maxPods: 1, clock: later });
    await puller.recover(() => true, unending);
    const order = bench.order("beech", 1);
    const pull = puller.pull(order, unending);
    await bench.say(order, done(1));
    assert.deepEqual(await pull, PULLED);
    const names = bench.pods().map(({ metadata }) => metadata.name);
    assert.ok(names.includes(prepullPodName(INSTANCE, "alder", digest(1))));
  });
});
