import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { describe, it } from "node:test";
import type { JsonObject } from "../../src/simulation/kubernetes/kubernetes-objects.ts";
import {
  ended,
  failureOf,
  type PrepullBench,
  postEvent,
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

describe("puller: what the API server refuses (K8)", () => {
  for (const [what, status, reason, message, expected, kind] of [
    [
      "a quota",
      403,
      "Forbidden",
      'pods "x" is forbidden: exceeded quota: few, used: pods=1',
      /does not allow the pod: .*exceeded quota/,
      "refused",
    ],
    ["an admission plugin", 403, "Forbidden", "violates PodSecurity", /does not allow the pod: violates/, "refused"],
    ["a pod that is not valid", 422, "Invalid", "spec.nodeName: too long", /refuses the pod: spec/, "refused"],
    ["our credentials", 401, "Unauthorized", "Unauthorized", /does not accept our credentials/, "refused"],
    [
      "a namespace that is not there",
      404,
      "NotFound",
      'namespaces "lab" not found',
      /refuses the pod: names/,
      "refused",
    ],
  ] as const) {
    it(`tells of ${what}`, async () => {
      await using bench = await startPrepullBench();
      answerCreates(bench, status, reason, message);
      const failure = failureOf(await bench.puller().pull(bench.order("played", 1), unending));
      assert.equal(failure.reason, reason);
      assert.match(failure.message, expected);
      assert.equal(failure.failureClass, kind);
      assert.equal(bench.count("DELETE"), 0);
    });
  }

  it("does not take the conflict of a quota for a pod of the name, and does not try more often for it", async () => {
    await using bench = await startPrepullBench();
    const message = 'Operation cannot be fulfilled on resourcequotas "few": the object has been modified';
    answerCreates(bench, 409, "Conflict", message);
    const failure = failureOf(await bench.puller().pull(bench.order("played", 1, 1_000), unending));
    assert.equal(failure.reason, "Conflict");
    assert.match(failure.message, /resourcequotas/);
    assert.equal(failure.failureClass, "refused");
    assert.equal(bench.count("POST"), 3);
  });

  it("gives up after some tries where the server fails, and reports what it says", async () => {
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
      "image-unusable",
    ],
    [
      "a container it cannot create",
      waiting("CreateContainerError", "no command"),
      "CreateContainerError",
      /container from the image: no command/,
      "container-failed",
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
      "node-refused",
    ],
    [
      "an affinity",
      { phase: "Failed", reason: "NodeAffinity", message: "" },
      "NodeAffinity",
      /^the kubelet has refused the pod$/,
      "node-refused",
    ],
    [
      "a taint that came in between",
      { phase: "Failed", reason: "TaintToleration", message: "Predicate TaintToleration failed" },
      "TaintToleration",
      /has a taint/,
      "node-refused",
    ],
    [
      "an admission error",
      { phase: "Failed", reason: "UnexpectedAdmissionError", message: "device plugin" },
      "UnexpectedAdmissionError",
      /refused the pod: device/,
      "node-refused",
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
      /stopped reporting/,
      "interrupted",
    ],
    [
      "an end without an image",
      ended(137, "ContainerStatusUnknown", ""),
      "ContainerStatusUnknown",
      /cannot create/,
      "container-failed",
    ],
    ["an end without a word", { phase: "Succeeded" }, "ContainerStatusUnknown", /without a word/, "container-failed"],
  ] as const satisfies readonly (readonly [string, JsonObject, string, RegExp, string])[]) {
    it(`tells of ${what}, and removes the pod`, async () => {
      await using bench = await startPrepullBench();
      const order = bench.order("played", 1);
      const pull = bench.puller().pull(order, unending);
      await bench.say(order, status);
      const failure = failureOf(await pull);
      assert.equal(failure.reason, reason);
      assert.match(failure.message, message);
      assert.equal(failure.failureClass, kind);
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
    assert.equal(failure.failureClass, "registry-denied");
  });

  for (const said of [`failed to pull image "${reference(1)}": 401 Unauthorized`, ""]) {
    it(`tells that the pull secret is missing where the registry denies${said === "" ? ", and only events say so" : ""}`, async () => {
      await using bench = await startPrepullBench();
      const order = bench.order("played", 1);
      const pull = bench.puller({ pullSecret: "registry" }).pull(order, unending);
      await postEvent(bench, order, {
        name: "a",
        reason: "FailedToRetrieveImagePullSecret",
        message: "Unable to retrieve some image pull secrets (registry); attempting to pull the image may not succeed.",
      });
      await postEvent(bench, order, { name: "b", reason: "Failed", message: "Failed to pull image: 401 Unauthorized" });
      await bench.say(order, waiting(said === "" ? "ImagePullBackOff" : "ErrImagePull", said));
      const failure = failureOf(await pull);
      assert.equal(failure.failureClass, "registry-denied");
      assert.match(failure.message, /401 Unauthorized.*image pull secrets \(registry\)/);
    });
  }

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
