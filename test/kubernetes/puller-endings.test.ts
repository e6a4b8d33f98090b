import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PullCancelledError } from "../../src/domain/prepull/pull.ts";
import { createApiClient } from "../cluster/api-client.ts";
import { digest } from "./node-fixture.ts";
import {
  ended,
  failureOf,
  NAMESPACE,
  postEvent,
  quickLimits,
  startPrepullBench,
  unending,
  waiting,
} from "./prepull-fixture.ts";

describe("puller: time and deletion (K8)", () => {
  it("ends a pull that takes too long, and says how far it has got", async () => {
    await using bench = await startPrepullBench();
    await bench.join("node-a", { bandwidthBytesPerSecond: 1 });
    const slow = bench.puller().pull(bench.order("node-a", 1, 2_000), unending);
    const lone = bench.puller().pull(bench.order("nobody", 1, 300), unending);
    const slowFailure = failureOf(await slow);
    assert.equal(slowFailure.reason, "Timeout");
    assert.match(slowFailure.message, /no container was created/);
    assert.match(failureOf(await lone).message, /has not taken the pod up/);
    assert.deepEqual(bench.pods(), []);
  });

  it("adds to a time-out what the events say", async () => {
    await using bench = await startPrepullBench();
    const order = bench.order("played", 1, 300);
    const pull = bench.puller().pull(order, unending);
    const { uid = "" } = (await bench.pod(order)).metadata;
    const empty = { apiVersion: "v1", kind: "Event", metadata: { name: "empty", namespace: NAMESPACE } };
    bench.api.put("events", { ...empty, involvedObject: { uid } });
    const pulling = { name: "b", type: "Normal", reason: "Pulling", message: "Pulling image" };
    await postEvent(bench, order, { name: "a", reason: "FailedCreatePodSandBox", message: "no addresses left" });
    await postEvent(bench, order, pulling);
    assert.match(failureOf(await pull).message, /: no addresses left$/);
  });

  it("says at a time-out what went on last, where nothing has gone wrong", async () => {
    await using bench = await startPrepullBench();
    const order = bench.order("played", 1, 300);
    const pull = bench.puller().pull(order, unending);
    await postEvent(bench, order, { name: "a", type: "Normal", reason: "Pulling", message: "Pulling image" });
    assert.match(failureOf(await pull).message, /: Pulling image$/);
  });

  it("does without events that are none", async () => {
    await using bench = await startPrepullBench();
    bench.api.intercept((request, response) => {
      if (!request.url?.includes("/events")) return false;
      response.writeHead(200, { "content-type": "application/json" }).end('{"kind":"EventList","items":null}');
      return true;
    });
    const failure = failureOf(await bench.puller().pull(bench.order("played", 1, 300), unending));
    assert.match(failure.message, /within 0 s$/);
  });

  it("looks once more before it calls a pull too late", async () => {
    await using bench = await startPrepullBench();
    const order = bench.order("played", 1, 300);
    bench.api.intercept((request, response) => {
      if (!request.url?.includes("watch=true") && !request.url?.includes("labelSelector")) return false;
      response.writeHead(503).end();
      return true;
    });
    const pull = bench.puller().pull(order, unending);
    await bench.say(order, ended(0, "Completed", `lab@${digest(1)}`));
    assert.deepEqual(await pull, { kind: "pulled" });
  });

  it("goes by what it knows where the last look fails", async () => {
    await using bench = await startPrepullBench();
    const order = bench.order("played", 1, 300);
    bench.api.intercept((request, response) => {
      if (request.method !== "GET" || request.url?.includes("labelSelector")) return false;
      response.writeHead(500, { "content-type": "application/json" }).end("{}");
      return true;
    });
    assert.equal(failureOf(await bench.puller().pull(order, unending)).reason, "Timeout");
  });

  it("calls a container that was in doubt to the end by its own reason", async () => {
    await using bench = await startPrepullBench();
    const order = bench.order("played", 1, 300);
    const pull = bench.puller({ limits: { ...quickLimits, pull: { ...quickLimits.pull, doubtMs: 5_000 } } });
    const outcome = pull.pull(order, unending);
    await bench.say(order, waiting("CreateContainerError", "context deadline exceeded"));
    assert.equal(failureOf(await outcome).reason, "CreateContainerError");
  });

  it("tries to remove the pod again, but not for ever", async () => {
    await using bench = await startPrepullBench();
    const order = bench.order("played", 1);
    let refusals = 1;
    bench.api.intercept((request, response) => {
      if (request.method !== "DELETE" || refusals === 0) return false;
      refusals -= 1;
      response.writeHead(500, { "content-type": "application/json" }).end("{}");
      return true;
    });
    const limits = { ...quickLimits, pull: { ...quickLimits.pull, removeMs: 3_000 } };
    const pull = bench.puller({ limits }).pull(order, unending);
    await bench.say(order, ended(0, "Completed", `lab@${digest(1)}`));
    assert.deepEqual(await pull, { kind: "pulled" });
    assert.deepEqual(bench.pods(), []);
    assert.equal(bench.count("DELETE"), 2);
  });

  it("removes the pod of a cancelled pull also where the server fails at first", async () => {
    await using bench = await startPrepullBench();
    const order = bench.order("played", 1);
    const cancel = new AbortController();
    const limits = { ...quickLimits, pull: { ...quickLimits.pull, removeMs: 3_000 } };
    const pull = bench.puller({ limits }).pull(order, cancel.signal);
    await bench.pod(order);
    let failures = 1;
    bench.api.intercept((request, response) => {
      if (request.method !== "GET" || failures === 0) return false;
      failures -= 1;
      response.writeHead(500, { "content-type": "application/json" }).end("{}");
      return true;
    });
    cancel.abort(new PullCancelledError());
    await assert.rejects(pull, PullCancelledError);
    assert.deepEqual(bench.pods(), []);
  });

  it("ends a cancelled pull also where its pod can be neither found nor removed", async () => {
    await using bench = await startPrepullBench();
    const order = bench.order("played", 1);
    const cancel = new AbortController();
    const pull = bench.puller().pull(order, cancel.signal);
    await bench.pod(order);
    bench.api.intercept((_, response) => {
      response.writeHead(500, { "content-type": "application/json" }).end("{}");
      return true;
    });
    cancel.abort(new PullCancelledError());
    await assert.rejects(pull, PullCancelledError);
    assert.equal(bench.pods().length, 1);
  });

  it("ends a cancelled pull without a write where the leadership is lost", async () => {
    await using bench = await startPrepullBench();
    const order = bench.order("played", 1);
    const cancel = new AbortController();
    let leads = true;
    const pull = bench.puller({ leadership: { mayWrite: () => leads } }).pull(order, cancel.signal);
    await bench.pod(order);
    leads = false;
    cancel.abort(new PullCancelledError());
    await assert.rejects(pull, PullCancelledError);
    assert.equal(bench.count("DELETE"), 0);
  });

  it("says who has deleted the pod, where that is known", async () => {
    await using bench = await startPrepullBench();
    const order = bench.order("played", 1);
    const pull = bench.puller().pull(order, unending);
    const condition = { type: "DisruptionTarget", status: "True", reason: "DeletionByTaintManager", message: "taint" };
    await bench.say(order, { phase: "Pending", conditions: [condition] });
    const { metadata } = await bench.pod(order);
    const client = createApiClient(bench.api.url, "", "any");
    const path = `/api/v1/namespaces/${NAMESPACE}/pods/${metadata.name}`;
    await client.request("DELETE", path, { body: { gracePeriodSeconds: 0 } });
    await client.close();
    const failure = failureOf(await pull);
    assert.equal(failure.reason, "Deleted");
    assert.match(failure.message, /because of a taint/);
  });

  it("does not wait for a pod that somebody has begun to delete", async () => {
    await using bench = await startPrepullBench();
    const order = bench.order("played", 1);
    const pull = bench.puller().pull(order, unending);
    const pod = await bench.pod(order);
    const deletionTimestamp = new Date().toISOString();
    bench.api.put("pods", { ...pod, metadata: { ...pod.metadata, deletionTimestamp } });
    assert.equal(failureOf(await pull).reason, "Deleted");
    assert.deepEqual(bench.pods(), []);
  });

  it("reports its outcome also where the pod cannot be removed", async () => {
    await using bench = await startPrepullBench();
    const order = bench.order("played", 1);
    bench.api.intercept((request, response) => {
      if (request.method !== "DELETE") return false;
      response.writeHead(500, { "content-type": "application/json" }).end("{}");
      return true;
    });
    const puller = bench.puller();
    const pull = puller.pull(order, unending);
    await bench.say(order, ended(0, "Completed", `lab@${digest(1)}`));
    assert.deepEqual(await pull, { kind: "pulled" });
    assert.equal(bench.pods().length, 1);
    bench.api.intercept(null);
    assert.equal((await puller.recover(() => true, unending)).length, 1);
    assert.deepEqual(bench.pods(), []);
  });
});
