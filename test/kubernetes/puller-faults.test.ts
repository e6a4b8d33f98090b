import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PullReleasedError } from "../../src/domain/prepull/pull.ts";
import { eventually } from "../support/eventually.ts";
import type { Fault } from "../support/fault-proxy.ts";
import { digest } from "./node-fixture.ts";
import { ended, failureOf, startPrepullBench, unending } from "./prepull-fixture.ts";

const PULLED = { kind: "pulled" };
const DONE = ended(0, "Completed", `lab@${digest(1)}`);

describe("puller: faults on the way to the API server", () => {
  for (const fault of [
    { kind: "refuse" },
    { kind: "half-open" },
    { kind: "truncate", afterBytes: 40 },
    { kind: "reset", afterBytes: 40 },
  ] as const satisfies readonly Fault[]) {
    it(`sees the pod's end after the watch has met "${fault.kind}"`, async () => {
      await using bench = await startPrepullBench();
      const order = bench.order("played", 1);
      const puller = bench.puller();
      const pull = puller.pull(order, unending);
      await bench.pod(order);
      await eventually(() => assert.equal(bench.api.watches, 1));
      bench.proxy.setFault({ ...fault, applyToOpen: true });
      await bench.say(order, DONE);
      await eventually(() => assert.ok(bench.proxy.connections > 3));
      bench.proxy.setFault(null);
      bench.proxy.cutAll();
      assert.deepEqual(await pull, PULLED);
      await puller.recover(() => true, unending);
      assert.deepEqual(bench.pods(), []);
    });
  }

  for (const [what, line] of [
    ["a garbled line", "{no json\n"],
    ["an ERROR event", '{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired"}}\n'],
    ["an event of no type", '{"type":"WONDER","object":{"metadata":{"name":"a","uid":"b"}}}\n'],
    ["a pod without a name", '{"type":"ADDED","object":{}}\n'],
    ["half a line", '{"type":"ADD'],
    ["nothing at all", ""],
  ] as const) {
    it(`lists anew after a watch with ${what}`, async () => {
      await using bench = await startPrepullBench();
      let watches = 0;
      bench.api.intercept((request, response) => {
        if (!request.url?.includes("watch=true")) return false;
        watches += 1;
        response.writeHead(200, { "content-type": "application/json" }).end(line);
        return true;
      });
      const order = bench.order("played", 1);
      const pull = bench.puller().pull(order, unending);
      await eventually(() => assert.ok(watches >= 2));
      await bench.say(order, DONE);
      assert.deepEqual(await pull, PULLED);
    });
  }

  it("notices a watch that has gone silent", async () => {
    await using bench = await startPrepullBench();
    bench.api.intercept((request, response) => {
      if (!request.url?.includes("watch=true")) return false;
      response.writeHead(200, { "content-type": "application/json" }).flushHeaders();
      return true;
    });
    const order = bench.order("played", 1);
    const pull = bench.puller().pull(order, unending);
    await bench.pod(order);
    await eventually(() => assert.ok(bench.api.requests.some(({ target }) => target.includes("watch=true"))));
    await bench.say(order, DONE);
    assert.deepEqual(await pull, PULLED);
  });

  it("notices by a list that the pod has gone", async () => {
    await using bench = await startPrepullBench();
    bench.api.intercept((request, response) => {
      if (!request.url?.includes("watch=true")) return false;
      response.writeHead(500).end();
      return true;
    });
    const order = bench.order("played", 1);
    const pull = bench.puller().pull(order, unending);
    const { metadata } = await bench.pod(order);
    await eventually(() => assert.ok(bench.api.requests.filter(({ target }) => target.includes("limit=")).length > 1));
    await fetch(`${bench.api.url}/api/v1/namespaces/lab/pods/${metadata.name}`, {
      method: "DELETE",
      body: JSON.stringify({ gracePeriodSeconds: 0 }),
    });
    assert.equal(failureOf(await pull).reason, "Deleted");
  });

  it("finds the pod that was created although no answer came", async () => {
    await using bench = await startPrepullBench();
    bench.api.intercept((request, response, pass) => {
      if (request.method !== "POST") return false;
      bench.api.intercept(null);
      response.end = () => response.destroy();
      pass();
      return true;
    });
    const order = bench.order("played", 1);
    const pull = bench.puller().pull(order, unending);
    await bench.say(order, DONE);
    assert.deepEqual(await pull, PULLED);
    assert.equal(bench.count("POST"), 1);
  });

  it("comes back where the server has too much to do (429), to create as to delete", async () => {
    await using bench = await startPrepullBench();
    const refused = new Set<string>();
    bench.api.intercept((request, response) => {
      const { method = "" } = request;
      if (!["POST", "DELETE"].includes(method) || refused.has(method)) return false;
      refused.add(method);
      response.writeHead(429, { "content-type": "application/json", "retry-after": "0" }).end("{}");
      return true;
    });
    const order = bench.order("played", 1);
    const pull = bench.puller().pull(order, unending);
    await bench.say(order, DONE);
    assert.deepEqual(await pull, PULLED);
    assert.deepEqual([bench.count("POST"), bench.count("DELETE"), bench.pods().length], [2, 2, 0]);
  });

  it("fails, within bounds, where no server answers", async () => {
    await using bench = await startPrepullBench();
    bench.proxy.setFault({ kind: "half-open" });
    const failure = failureOf(await bench.puller().pull(bench.order("played", 1), unending));
    assert.equal(failure.reason, "Unavailable");
    assert.match(failure.message, /the Kubernetes API timed out/);
  });
});

describe("puller: without the leadership (K9)", () => {
  it("creates nothing", async () => {
    await using bench = await startPrepullBench();
    const puller = bench.puller({ leadership: { mayWrite: () => false } });
    await assert.rejects(puller.pull(bench.order("played", 1), unending), PullReleasedError);
    assert.equal(bench.count("POST"), 0);
  });

  it("deletes nothing", async () => {
    await using bench = await startPrepullBench();
    let leads = true;
    const puller = bench.puller({ leadership: { mayWrite: () => leads } });
    const order = bench.order("played", 1);
    const pull = puller.pull(order, unending);
    await bench.pod(order);
    leads = false;
    await bench.say(order, DONE);
    await assert.rejects(pull, PullReleasedError);
    assert.deepEqual((await puller.recover(() => false, unending)).length, 1);
    assert.equal(bench.count("DELETE"), 0);
    assert.equal(bench.pods().length, 1);
  });

  it("does not repeat a write for which the server has asked to wait", async () => {
    await using bench = await startPrepullBench();
    let leads = true;
    bench.api.intercept((request, response) => {
      if (request.method !== "POST") return false;
      leads = false;
      response.writeHead(429, { "content-type": "application/json", "retry-after": "0" }).end("{}");
      return true;
    });
    const puller = bench.puller({ leadership: { mayWrite: () => leads } });
    await assert.rejects(puller.pull(bench.order("played", 1), unending), PullReleasedError);
    assert.equal(bench.count("POST"), 1);
  });
});
