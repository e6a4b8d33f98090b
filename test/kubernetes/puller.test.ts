import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { DEFAULT_POD_OPTIONS } from "../../src/domain/prepull/pod-options.ts";
import { PullCancelledError, type PullOrder, PullReleasedError } from "../../src/domain/prepull/pull.ts";
import { buildPrepullPod } from "../../src/kubernetes/pods/prepull-pod.ts";
import type { ApiObject, JsonObject } from "../../src/simulation/kubernetes/kubernetes-objects.ts";
import { machineTime } from "../../src/simulation/kubernetes/kubernetes-time.ts";
import { createApiClient } from "../cluster/api-client.ts";
import { eventually } from "../support/eventually.ts";
import { digest } from "./node-fixture.ts";
import {
  ended,
  failureOf,
  INSTANCE,
  NAMESPACE,
  type PrepullBench,
  startPrepullBench,
  unending,
  waiting,
} from "./prepull-fixture.ts";

const PULLED = { kind: "pulled" };

/** Puts the pod of an order there, as an earlier process has left it. */
function leave(
  bench: PrepullBench,
  order: PullOrder,
  more: { readonly metadata?: JsonObject; readonly spec?: JsonObject; readonly status?: JsonObject } = {},
): ApiObject {
  const settings = {
    namespace: NAMESPACE,
    instance: INSTANCE,
    pullSecret: null,
    tolerations: [],
    pod: DEFAULT_POD_OPTIONS,
  };
  const pod = JSON.parse(JSON.stringify(buildPrepullPod(settings, order, null))) as ApiObject;
  return bench.api.put("pods", {
    ...pod,
    metadata: { ...pod.metadata, ...more.metadata },
    spec: { ...pod.spec, ...more.spec },
    status: more.status ?? { phase: "Pending" },
  });
}

describe("puller: a pull", () => {
  it("pulls by a pod, proves it by the image's id, and leaves nothing", async () => {
    await using bench = await startPrepullBench();
    const kubelet = await bench.join("node-a");
    const order = bench.order("node-a", 1);
    assert.deepEqual(await bench.puller().pull(order, unending), PULLED);
    assert.deepEqual(
      kubelet.images.map((image) => image.digest),
      [digest(1)],
    );
    assert.deepEqual(bench.pods(), []);
    assert.deepEqual([bench.count("POST"), bench.count("DELETE")], [1, 1]);
  });

  it("shares one watch among many pulls, and ends it with the last", async () => {
    await using bench = await startPrepullBench();
    const names = Array.from({ length: 12 }, (_, index) => `node-${index}`);
    for (const name of names) await bench.join(name, { bandwidthBytesPerSecond: 5_000_000 });
    const puller = bench.puller();
    const kubeletWatches = names.length;
    await eventually(() => assert.equal(bench.api.watches, kubeletWatches));
    const pulls = names.map((name) => puller.pull(bench.order(name, 1), unending));
    await eventually(() => assert.equal(bench.api.watches, kubeletWatches + 1));
    assert.deepEqual(
      await Promise.all(pulls),
      names.map(() => PULLED),
    );
    assert.equal(bench.count("POST"), 12);
    await eventually(() => assert.equal(bench.api.watches, kubeletWatches));
  });

  it("counts a container that could not start its program", async () => {
    await using bench = await startPrepullBench();
    const order = bench.order("played", 1);
    const pull = bench.puller().pull(order, unending);
    await bench.say(order, ended(128, "StartError", `lab@${digest(1)}`));
    assert.deepEqual(await pull, PULLED);
    assert.deepEqual(bench.pods(), []);
  });

  it("counts our container alone, and that by the digest of its architecture, too", async () => {
    await using bench = await startPrepullBench();
    const order = bench.order("played", 1);
    const pull = bench.puller().pull(order, unending);
    const sidecar = { name: "istio-proxy", imageID: `proxy@${digest(7)}`, state: { running: {} } };
    const creating = { name: "prepull", imageID: "", state: { waiting: { reason: "ContainerCreating" } } };
    await bench.say(order, { phase: "Pending", containerStatuses: [sidecar, creating] });
    await eventually(() => assert.equal(bench.api.watches, 1));
    assert.equal(bench.count("DELETE"), 0);
    const ours = { name: "prepull", imageID: `lab@${digest(9)}`, state: { running: {} } };
    await bench.say(order, { phase: "Running", containerStatuses: [sidecar, ours] });
    assert.deepEqual(await pull, PULLED);
  });

  it("waits for the id of a container that was created and did not start", async () => {
    await using bench = await startPrepullBench();
    const order = bench.order("played", 1);
    const pull = bench.puller().pull(order, unending);
    await bench.say(order, waiting("RunContainerError", "no such file"));
    await bench.say(order, waiting("RunContainerError", "no such file", `lab@${digest(1)}`));
    assert.deepEqual(await pull, PULLED);
  });

  it("gives the pod the owner that there is", async () => {
    await using bench = await startPrepullBench();
    const owner = { apiVersion: "apps/v1", kind: "Deployment", name: "lab-images", uid: "u1", controller: true };
    const order = bench.order("played", 1);
    const cancel = new AbortController();
    const pull = bench
      .puller({ owner: { current: () => Promise.resolve(owner), invalidate: () => undefined } })
      .pull(order, cancel.signal);
    assert.deepEqual((await bench.pod(order)).metadata["ownerReferences"], [owner]);
    cancel.abort(new PullCancelledError());
    await assert.rejects(pull, PullCancelledError);
  });
});

describe("puller: a pod of the name is there already", () => {
  it("adopts a live one", async () => {
    await using bench = await startPrepullBench();
    await bench.join("node-a");
    const order = bench.order("node-a", 1);
    leave(bench, order);
    assert.deepEqual(await bench.puller().pull(order, unending), PULLED);
    assert.deepEqual(bench.pods(), []);
    assert.deepEqual([bench.count("POST"), bench.count("DELETE")], [1, 1]);
  });

  it("counts one that has come to a good end, also where the watch does not know yet", async () => {
    await using bench = await startPrepullBench();
    const order = bench.order("played", 1, 2_000);
    const before = leave(bench, order);
    const puller = bench.puller();
    const other = bench.order("played", 2);
    const cancel = new AbortController();
    const first = puller.pull(other, cancel.signal);
    await eventually(() => assert.equal(bench.api.watches, 1));
    bench.api.intercept((request, response) => {
      if (request.method !== "GET" || request.url?.includes("labelSelector")) return false;
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify({ ...before, status: ended(0, "Completed", `lab@${digest(1)}`) }));
      return true;
    });
    assert.deepEqual(await puller.pull(order, unending), PULLED);
    bench.api.intercept(null);
    cancel.abort(new PullCancelledError());
    await assert.rejects(first, PullCancelledError);
  });

  it("counts one that has come to a good end", async () => {
    await using bench = await startPrepullBench();
    const order = bench.order("played", 1);
    leave(bench, order, { status: ended(0, "Completed", `lab@${digest(1)}`) });
    assert.deepEqual(await bench.puller().pull(order, unending), PULLED);
    assert.deepEqual(bench.pods(), []);
  });

  for (const [what, status] of [
    ["failed", { phase: "Failed", reason: "Evicted" }],
    ["ended without an image's id", ended(0, "Completed", "")],
  ] as const) {
    it(`removes one that has ${what}, and makes its own`, async () => {
      await using bench = await startPrepullBench();
      const order = bench.order("played", 1);
      const before = leave(bench, order, { status });
      const pull = bench.puller().pull(order, unending);
      await eventually(async () => assert.notEqual((await bench.pod(order)).metadata.uid, before.metadata.uid));
      await bench.say(order, ended(0, "Completed", `lab@${digest(1)}`));
      assert.deepEqual(await pull, PULLED);
    });
  }

  it("removes one that is overdue", async () => {
    await using bench = await startPrepullBench();
    const order = bench.order("played", 1, 2_000);
    const before = leave(bench, order);
    const inAMinute = { ...machineTime, wallTime: () => Date.now() + 60_000 };
    const pull = bench.puller({ clock: inAMinute }).pull(order, unending);
    await eventually(async () => assert.notEqual((await bench.pod(order)).metadata.uid, before.metadata.uid));
    await bench.say(order, ended(0, "Completed", `lab@${digest(1)}`));
    assert.deepEqual(await pull, PULLED);
  });

  it("waits for one that is going", async () => {
    await using bench = await startPrepullBench();
    const order = bench.order("played", 1);
    const before = leave(bench, order, { spec: { nodeName: "played", terminationGracePeriodSeconds: 30 } });
    const client = createApiClient(bench.api.url, "", "any");
    const path = `/api/v1/namespaces/${NAMESPACE}/pods/${before.metadata.name}`;
    await client.request("DELETE", path);
    const pull = bench.puller().pull(order, unending);
    await eventually(() => assert.ok(bench.count("POST") === 1));
    await client.request("DELETE", path, { body: { gracePeriodSeconds: 0 } });
    await client.close();
    await bench.say(order, ended(0, "Completed", `lab@${digest(1)}`));
    assert.deepEqual(await pull, PULLED);
    assert.equal(bench.count("POST"), 2);
  });

  it("deletes one by force that does not go", async () => {
    await using bench = await startPrepullBench();
    const order = bench.order("played", 1);
    const before = leave(bench, order, { metadata: { deletionTimestamp: new Date().toISOString() } });
    const pull = bench.puller().pull(order, unending);
    await eventually(async () => assert.notEqual((await bench.pod(order)).metadata.uid, before.metadata.uid));
    await bench.say(order, ended(0, "Completed", `lab@${digest(1)}`));
    assert.deepEqual(await pull, PULLED);
  });

  it("leaves somebody else's alone", async () => {
    await using bench = await startPrepullBench();
    const order = bench.order("played", 1);
    leave(bench, order, { metadata: { labels: { "lab-images/prepuller": "other" } } });
    const failure = failureOf(await bench.puller().pull(order, unending));
    assert.equal(failure.reason, "AlreadyExists");
    assert.match(failure.message, /belongs to the prepuller "other"/);
    assert.equal(bench.pods().length, 1);
  });
});

describe("puller: an abort", () => {
  it("removes the pod of a cancelled pull", async () => {
    await using bench = await startPrepullBench();
    const cancel = new AbortController();
    const order = bench.order("played", 1);
    const pull = bench.puller().pull(order, cancel.signal);
    await bench.pod(order);
    cancel.abort(new PullCancelledError());
    await assert.rejects(pull, PullCancelledError);
    assert.deepEqual(bench.pods(), []);
  });

  it("writes nothing for a released pull, and the next process adopts its pod", async () => {
    await using bench = await startPrepullBench();
    const release = new AbortController();
    const order = bench.order("played", 1);
    const pull = bench.puller().pull(order, release.signal);
    await bench.pod(order);
    release.abort(new PullReleasedError());
    await assert.rejects(pull, PullReleasedError);
    assert.equal(bench.count("DELETE"), 0);
    const next = bench.puller().pull(order, unending);
    await bench.say(order, ended(0, "Completed", `lab@${digest(1)}`));
    assert.deepEqual(await next, PULLED);
    assert.equal(bench.count("DELETE"), 1);
  });

  it("does not begin after an abort", async () => {
    await using bench = await startPrepullBench();
    const signal = AbortSignal.abort(new PullCancelledError());
    await assert.rejects(bench.puller().pull(bench.order("played", 1), signal), PullCancelledError);
    assert.equal(bench.api.requests.length, 0);
  });

  it("removes a pod whose creation is still under way when the pull is cancelled", async () => {
    await using bench = await startPrepullBench();
    const cancel = new AbortController();
    const order = bench.order("played", 1);
    bench.api.intercept((request, _response, pass) => {
      if (request.method !== "POST") return false;
      cancel.abort(new PullCancelledError());
      setImmediate(pass);
      return true;
    });
    await assert.rejects(bench.puller().pull(order, cancel.signal), PullCancelledError);
    assert.deepEqual(bench.pods(), []);
    assert.equal(bench.count("DELETE"), 1);
  });

  it("starts the same pull again only when the cancelled one has ended", async () => {
    await using bench = await startPrepullBench();
    await bench.join("node-a", { bandwidthBytesPerSecond: 1_000_000 });
    const puller = bench.puller();
    const cancel = new AbortController();
    const order = bench.order("node-a", 1);
    const first = puller.pull(order, cancel.signal);
    await bench.pod(order);
    cancel.abort(new PullCancelledError());
    const second = puller.pull(order, unending);
    await assert.rejects(first, PullCancelledError);
    assert.deepEqual(await second, PULLED);
    assert.deepEqual(bench.pods(), []);
  });
});
