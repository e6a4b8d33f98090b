import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { describe, it } from "node:test";
import { PullCancelledError } from "../../src/domain/pull.ts";
import { classOfFailure } from "../../src/domain/pull-failure.ts";
import type { JsonObject } from "../../src/simulation/kubernetes-objects.ts";
import { createApiClient } from "../cluster/api-client.ts";
import { eventually } from "../support/eventually.ts";
import { digest } from "./node-fixture.ts";
import {
  ended,
  failureOf,
  NAMESPACE,
  type PrepullBench,
  quickLimits,
  reference,
  startPrepullBench,
  unending,
  waiting,
} from "./prepull-fixture.ts";

/** Makes the API server answer creates with this. */
function answerCreates(bench: PrepullBench, status: number, reason: string, message: string): void {
  bench.api.intercept((request: IncomingMessage, response: ServerResponse) => {
    if (request.method !== "POST") return false;
    request.resume();
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify({ kind: "Status", status: "Failure", reason, message, code: status }));
    return true;
  });
}

/** Puts an event of the pod there, as a kubelet posts it. */
async function postEvent(
  bench: PrepullBench,
  order: ReturnType<PrepullBench["order"]>,
  event: { readonly name: string; readonly reason: string; readonly message: string; readonly type?: string },
): Promise<void> {
  const { uid } = (await bench.pod(order)).metadata;
  const { name, type = "Warning", ...said } = event;
  bench.api.put("events", {
    apiVersion: "v1",
    kind: "Event",
    metadata: { name, namespace: NAMESPACE },
    involvedObject: { kind: "Pod", uid: uid ?? "" },
    lastTimestamp: new Date().toISOString(),
    type,
    ...said,
  });
}

describe("puller: what the API server refuses (K8)", () => {
  for (const [what, status, reason, message, expected, kind] of [
    [
      "a quota",
      403,
      "Forbidden",
      'pods "x" is forbidden: exceeded quota: few, used: pods=1',
      /quota.* used up/,
      "refused",
    ],
    ["an admission plugin", 403, "Forbidden", "violates PodSecurity", /does not allow the pod: violates/, "refused"],
    ["a pod that is not valid", 422, "Invalid", "spec.nodeName: too long", /refuses the pod: spec/, "refused"],
    ["our credentials", 401, "Unauthorized", "Unauthorized", /does not accept our credentials/, "refused"],
    ["a namespace that is not there", 404, "NotFound", 'namespaces "lab" not found', /refuses the pod: names/, "other"],
  ] as const) {
    it(`tells of ${what}`, async () => {
      await using bench = await startPrepullBench();
      answerCreates(bench, status, reason, message);
      const failure = failureOf(await bench.puller().pull(bench.order("played", 1), unending));
      assert.equal(failure.reason, reason);
      assert.match(failure.message, expected);
      assert.equal(classOfFailure(failure), kind);
      assert.equal(bench.count("DELETE"), 0);
    });
  }

  it("gives up after some tries where the server fails, and tells what it says", async () => {
    await using bench = await startPrepullBench();
    answerCreates(bench, 500, "InternalError", 'failed calling webhook "sidecar.example.org"');
    const failure = failureOf(await bench.puller().pull(bench.order("played", 1), unending));
    assert.equal(failure.reason, "InternalError");
    assert.match(failure.message, /failed calling webhook/);
    assert.equal(bench.count("POST"), 3);
  });
});

describe("puller: what the kubelet reports (K8)", () => {
  const denied = `failed to pull and unpack image "${reference(1)}": failed to authorize: 401 Unauthorized`;
  const full = "failed to extract layer: write /var/lib/containerd/x: no space left on device";
  for (const [what, status, reason, message, kind] of [
    ["a registry that denies", waiting("ErrImagePull", denied), "ErrImagePull", /does not let/, "registry-denied"],
    ["a full disk", waiting("ErrImagePull", full), "ErrImagePull", /disk is full: .*no space left/, "disk-full"],
    [
      "a name it cannot read",
      waiting("InvalidImageName", "couldn't parse"),
      "InvalidImageName",
      /couldn't parse/,
      "other",
    ],
    [
      "a container it cannot create",
      waiting("CreateContainerError", "no command"),
      "CreateContainerError",
      /container from the image: no command/,
      "other",
    ],
    [
      "an eviction",
      { phase: "Failed", reason: "Evicted", message: "The node was low on resource: memory." },
      "Evicted",
      /evicted the pod: The node/,
      "evicted",
    ],
    [
      "an eviction for the disk",
      { phase: "Failed", reason: "Evicted", message: "The node was low on resource: ephemeral-storage." },
      "Evicted",
      /ephemeral-storage/,
      "disk-full",
    ],
    [
      "a lack of room",
      { phase: "Failed", reason: "OutOfcpu", message: "Node didn't have enough resource: cpu" },
      "OutOfcpu",
      /no room for the pod/,
      "other",
    ],
    [
      "an affinity",
      { phase: "Failed", reason: "NodeAffinity", message: "" },
      "NodeAffinity",
      /^the kubelet has refused the pod$/,
      "other",
    ],
    [
      "an admission error",
      { phase: "Failed", reason: "UnexpectedAdmissionError", message: "device plugin" },
      "UnexpectedAdmissionError",
      /refused the pod: device/,
      "other",
    ],
    [
      "a deadline",
      { phase: "Failed", reason: "DeadlineExceeded", message: "Pod was active" },
      "DeadlineExceeded",
      /longer than it may/,
      "timeout",
    ],
    [
      "a preemption",
      { phase: "Failed", reason: "Preempting", message: "for critical pod" },
      "Preempting",
      /make room/,
      "interrupted",
    ],
    [
      "a lost node",
      { phase: "Unknown", reason: "NodeLost", message: "" },
      "NodeLost",
      /heard of the node/,
      "interrupted",
    ],
    [
      "an end without an image",
      ended(137, "ContainerStatusUnknown", ""),
      "ContainerStatusUnknown",
      /cannot create/,
      "other",
    ],
    ["an end without a word", { phase: "Succeeded" }, "ContainerStatusUnknown", /without a word/, "other"],
  ] as const satisfies readonly (readonly [string, JsonObject, string, RegExp, string])[]) {
    it(`tells of ${what}, and removes the pod`, async () => {
      await using bench = await startPrepullBench();
      const order = bench.order("played", 1);
      const pull = bench.puller().pull(order, unending);
      await bench.say(order, status);
      const failure = failureOf(await pull);
      assert.equal(failure.reason, reason);
      assert.match(failure.message, message);
      assert.equal(classOfFailure(failure), kind);
      assert.deepEqual(bench.pods(), []);
    });
  }

  it("gives up at the first failed pull of a kubelet, without secrets in its words", async () => {
    await using bench = await startPrepullBench();
    const kubelet = await bench.join("node-a");
    kubelet.failPulls(() => 'Get "https://user:hunter2@cdn.example.org/blob?X-Amz-Signature=abcdef": i/o timeout');
    const failure = failureOf(await bench.puller().pull(bench.order("node-a", 1), unending));
    assert.equal(failure.reason, "ErrImagePull");
    assert.match(failure.message, /cannot reach the registry/);
    assert.doesNotMatch(failure.message, /hunter2|abcdef/);
    assert.deepEqual(bench.pods(), []);
  });

  it("asks the events for the cause of a back-off that names none", async () => {
    await using bench = await startPrepullBench();
    const order = bench.order("played", 1);
    const pull = bench.puller().pull(order, unending);
    const image = reference(1);
    await postEvent(bench, order, {
      name: "a",
      reason: "Failed",
      message: `Failed to pull image "${image}": denied`,
    });
    await postEvent(bench, order, { name: "b", reason: "Failed", message: "Error: ErrImagePull" });
    await postEvent(bench, order, { name: "c", reason: "BackOff", message: `Back-off pulling image "${image}"` });
    await bench.say(order, waiting("ImagePullBackOff", `Back-off pulling image "${image}"`));
    const failure = failureOf(await pull);
    assert.equal(failure.reason, "ImagePullBackOff");
    assert.equal(classOfFailure(failure), "registry-denied");
  });

  it("does without events where they cannot be read", async () => {
    await using bench = await startPrepullBench();
    bench.api.intercept((request, response) => {
      if (!request.url?.includes("/events")) return false;
      response.writeHead(403, { "content-type": "application/json" }).end("{}");
      return true;
    });
    const order = bench.order("played", 1);
    const pull = bench.puller().pull(order, unending);
    await bench.say(order, waiting("ImagePullBackOff"));
    assert.equal(failureOf(await pull).reason, "ImagePullBackOff");
  });
});

describe("puller: time and deletion (K8)", () => {
  it("ends a pull that takes too long, and says how far it has got", async () => {
    await using bench = await startPrepullBench();
    await bench.join("node-a", { bandwidthBytesPerSecond: 1 });
    const slow = bench.puller().pull(bench.order("node-a", 1, 300), unending);
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
    assert.deepEqual(bench.pods(), []);
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

  it("tells its outcome also where the pod cannot be removed", async () => {
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
    await eventually(() => assert.deepEqual(bench.pods(), []));
  });
});
