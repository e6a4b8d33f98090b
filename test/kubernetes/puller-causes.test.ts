import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { PullFailure } from "../../src/domain/prepull/pull.ts";
import type { ApiObject, JsonObject } from "../../src/simulation/kubernetes/kubernetes-objects.ts";
import { manualClock } from "../support/manual-clock.ts";
import { digest } from "./node-fixture.ts";
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

const IMAGE_ID = `registry.example.org/lab/sciplat-lab@${digest(1)}`;

/** The failure of a pull whose pod gets this status. */
async function failureFor(status: JsonObject): Promise<PullFailure> {
  await using bench = await startPrepullBench();
  const order = bench.order("played", 1);
  const pull = bench.puller().pull(order, unending);
  await bench.say(order, status);
  const failure = failureOf(await pull);
  assert.deepEqual(bench.pods(), []);
  return failure;
}

describe("F27: what a pod says of itself ends its pull at once", () => {
  it("F27: a pod that a virtual kubelet leaves pending", async () => {
    const message = "could not fetch image pull secret lab/registry: secret not found";
    const failure = await failureFor({ phase: "Pending", reason: "ProviderFailed", message });
    assert.equal(failure.reason, "ProviderFailed");
    assert.match(failure.message, /image pull secret lab\/registry/);
  });

  for (const [what, state, expected] of [
    [
      "cannot be pulled",
      { waiting: { reason: "ErrImagePull", message: "docker.io/istio/proxyv2:1.20: not found" } },
      /injected container "istio-init" \(docker.io\/istio\/proxyv2:1.20\) has failed: ErrImagePull: .*not found/,
    ],
    [
      "cannot be started again",
      { waiting: { reason: "CrashLoopBackOff", message: "back-off 10s restarting failed container" } },
      /"istio-init".*CrashLoopBackOff/,
    ],
  ] as const) {
    it(`F27: an injected init container that ${what} is named with its image`, async () => {
      const init = { name: "istio-init", image: "docker.io/istio/proxyv2:1.20", imageID: "", state };
      const failure = await failureFor({
        phase: "Pending",
        initContainerStatuses: [init],
        containerStatuses: [{ name: "prepull", imageID: "", state: { waiting: { reason: "PodInitializing" } } }],
      });
      assert.equal(failure.failureClass, "pod-altered");
      assert.match(failure.message, expected);
    });
  }

  it("F27: an injected init container that has failed is why the pod has", async () => {
    const terminated = { exitCode: 255, reason: "Error", message: "iptables: Permission denied" };
    const failure = await failureFor({
      phase: "Failed",
      initContainerStatuses: [{ name: "istio-init", image: "istio/proxyv2:1", imageID: "x", state: { terminated } }],
      containerStatuses: [{ name: "prepull", imageID: "", state: { waiting: { reason: "PodInitializing" } } }],
    });
    assert.equal(failure.failureClass, "pod-altered");
    assert.match(failure.message, /"istio-init" \(istio\/proxyv2:1\) has failed: Error: exit code 255, iptables/);
  });

  it("F27: a sidecar that cannot be pulled does not fail a pull, and is named where the time is over", async () => {
    await using bench = await startPrepullBench();
    const sidecar = { waiting: { reason: "ImagePullBackOff", message: "Back-off" } };
    const status = (imageID: string) => ({
      phase: "Pending",
      containerStatuses: [
        { name: "vault-agent", image: "hashicorp/vault:1.15", imageID: "", state: sidecar },
        { name: "prepull", imageID, state: { waiting: { reason: "ContainerCreating" } } },
      ],
    });
    const late = bench.order("played", 1);
    const clock = manualClock();
    const failing = bench.puller({ clock }).pull(late, unending);
    await bench.say(late, status(""));
    await clock.advance(late.timeout);
    const failure = failureOf(await failing);
    assert.equal(failure.failureClass, "timeout");
    assert.match(failure.message, /injected container "vault-agent" \(hashicorp\/vault:1.15\)/);
    const order = bench.order("other", 1);
    const pull = bench.puller().pull(order, unending);
    await bench.say(order, status(IMAGE_ID));
    assert.equal((await pull).kind, "pulled");
  });
});

/** Lets a webhook give every pod this image. */
function replaceImages(bench: PrepullBench, image: string): void {
  bench.api.admit((plural, object) => {
    if (plural !== "pods") return object;
    const spec = object["spec"] as JsonObject;
    const [container] = spec["containers"] as JsonObject[];
    return { ...object, spec: { ...spec, containers: [{ ...container, image }] } } as ApiObject;
  });
}

describe("F25: a webhook that gives the pod another image", () => {
  it("F25: is named at once where the digest differs", async () => {
    await using bench = await startPrepullBench();
    replaceImages(bench, `mirror.example.org/base/minimal@${digest(9)}`);
    const failure = failureOf(await bench.puller().pull(bench.order("played", 1), unending));
    assert.deepEqual([failure.failureClass, failure.reason], ["pod-altered", "ImageReplaced"]);
    assert.match(failure.message, /given another image: mirror.example.org\/base\/minimal@.* in place of sha256:/);
    assert.deepEqual(bench.pods(), []);
  });

  it("F25: is named by the image's id where the name has no digest, and is no pull of this image", async () => {
    await using bench = await startPrepullBench();
    replaceImages(bench, "mirror.example.org/base/minimal:latest");
    const order = bench.order("played", 1);
    const pull = bench.puller().pull(order, unending);
    await bench.say(order, ended(0, "Completed", `mirror.example.org/base/minimal@${digest(9)}`));
    const failure = failureOf(await pull);
    assert.equal(failure.failureClass, "pod-altered");
    assert.match(failure.message, /minimal:latest \(mirror.example.org/);
  });

  it("F25: is no concern where a mirror has the same image", async () => {
    await using bench = await startPrepullBench();
    for (const [node, image] of [
      ["one", `mirror.example.org/lab/sciplat-lab@${digest(1)}`],
      ["two", "mirror.example.org/lab/sciplat-lab:w_1"],
    ] as const) {
      replaceImages(bench, image);
      const order = bench.order(node, 1);
      const pull = bench.puller().pull(order, unending);
      await bench.say(order, ended(0, "Completed", `mirror.example.org/lab/sciplat-lab@${digest(1)}`));
      assert.equal((await pull).kind, "pulled");
    }
  });

  it("F25: is not counted as a pull of an earlier process either", async () => {
    await using bench = await startPrepullBench();
    replaceImages(bench, "mirror.example.org/base/minimal:latest");
    const order = bench.order("played", 1);
    const life = new AbortController();
    const pull = bench.puller().pull(order, life.signal);
    const pod = await bench.pod(order);
    life.abort();
    await assert.rejects(pull);
    bench.api.put("pods", { ...pod, status: ended(0, "Completed", `minimal@${digest(9)}`) });
    assert.deepEqual(await bench.puller().recover(() => false, unending), []);
    assert.deepEqual(bench.pods(), []);
  });
});

describe("F76: only events about images and sandboxes are causes", () => {
  /** The failure of a pull that has run out of time, after these events. */
  async function timedOutAfter(events: readonly { readonly reason: string; readonly message: string }[]) {
    await using bench = await startPrepullBench();
    const order = bench.order("played", 1);
    const clock = manualClock();
    const pull = bench.puller({ clock }).pull(order, unending);
    for (const [at, event] of events.entries()) await postEvent(bench, order, { name: `e${at}`, ...event });
    await bench.say(order, waiting("ContainerCreating"));
    await clock.advance(order.timeout);
    return failureOf(await pull);
  }

  it("F76: a missing cluster DNS is none", async () => {
    const dns = 'pod: "x". kubelet does not have ClusterDNS IP configured and cannot create Pod using "ClusterFirst"';
    const failure = await timedOutAfter([
      { reason: "MissingClusterDNS", message: dns },
      { reason: "DNSConfigForming", message: "Search Line limits were exceeded" },
    ]);
    assert.equal(failure.message, "no container was created from the image within 10 s");
    assert.equal(failure.failureClass, "timeout");
  });

  it("F76: what was said of the image is shown, whatever came after it", async () => {
    const failure = await timedOutAfter([
      { reason: "Pulling", message: `Pulling image "${reference(1)}"` },
      { reason: "MissingClusterDNS", message: "no ClusterDNS" },
    ]);
    assert.match(failure.message, /within 10 s: Pulling image/);
  });

  it("F76: a sandbox that cannot be created is the runtime's", async () => {
    const message =
      "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox: " +
      'plugin type="calico" failed (add): connection is unauthorized: Unauthorized';
    const failure = await timedOutAfter([{ reason: "FailedCreatePodSandBox", message }]);
    assert.deepEqual([failure.reason, failure.failureClass], ["Timeout", "node-runtime"]);
    assert.match(failure.message, /Failed to create pod sandbox/);
  });
});

describe("F75: broken layers and runtimes that are down", () => {
  const pulling = `failed to pull and unpack image "${reference(1)}": `;
  for (const [text, failureClass] of [
    [`${pulling}failed to extract layer ${digest(7)}: unexpected EOF: unknown`, "image-unusable"],
    [`${pulling}wrong diff id ${digest(7)} calculated on extraction "sha256:cd", desc "sha256:ef"`, "image-unusable"],
    [`${pulling}failed commit on ref "layer-x": unexpected commit digest ${digest(7)}, expected x`, "image-unusable"],
    ["rpc error: code = Unavailable desc = error reading from server: EOF", "node-runtime"],
    [
      'rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing: dial unix /run/containerd/containerd.sock: connect: no such file or directory"',
      "node-runtime",
    ],
  ] as const) {
    it(`F75: ${failureClass}: ${text.slice(-60)}`, async () => {
      const failure = await failureFor(waiting("ErrImagePull", text));
      assert.equal(failure.failureClass, failureClass);
      assert.doesNotMatch(failure.message, /redacted/);
      if (text.includes(digest(7))) assert.ok(failure.message.includes(digest(7)), "the digest is shown");
    });
  }

  it("F24: the cause decides wherever it stands in a text that is too long to be shown", async () => {
    const mirrors = Array.from({ length: 40 }, (_, at) => `mirror-${at}.example.org: trying the next one`).join("; ");
    const text = `${pulling}${mirrors}: write /var/lib/x: no space left on device`;
    const failure = await failureFor(waiting("ErrImagePull", text));
    assert.equal(failure.failureClass, "disk-full");
    assert.match(failure.message, /no space left on device$/);
    assert.ok(failure.message.length < 300);
  });

  it("F24: what nobody knows is other, with the message", async () => {
    const failure = await failureFor(waiting("ErrImagePull", "the moon is in the wrong phase"));
    assert.deepEqual(failure, {
      failureClass: "other",
      reason: "ErrImagePull",
      message: "the pull has failed: the moon is in the wrong phase",
    });
  });
});
