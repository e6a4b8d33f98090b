import assert from "node:assert/strict";
import { describe, it, test } from "node:test";
import { classifyFailure, describeClass, PULL_FAILURE_CLASSES } from "../../src/domain/prepull/classify-failure.ts";
import { FAILURE_TABLE, type PullFailureClass } from "../../src/domain/prepull/failure-table.ts";
import { CONTAINERD } from "./failure-messages/containerd.ts";
import { CRI_O } from "./failure-messages/cri-o.ts";
import { DOCKER } from "./failure-messages/docker.ts";

const IMAGE = "registry.test/sciplat/lab:w_2077_43@sha256:401403404429500";

/** What the kubelet says by itself, and what nobody has seen yet. */
const KUBELET: Partial<Record<PullFailureClass, readonly string[]>> = {
  "node-refused": ["pull QPS exceeded", `Container image "${IMAGE}" is not present with pull policy of Never`],
  "image-unusable": [
    `Failed to apply default image tag "a:b:c": couldn't parse image name "a:b:c": invalid reference format`,
  ],
  other: [`Back-off pulling image "${IMAGE}"`, "something else", ""],
};

const MESSAGES = [CONTAINERD, CRI_O, DOCKER, KUBELET].flatMap((runtime) =>
  PULL_FAILURE_CLASSES.flatMap((failureClass) =>
    (runtime[failureClass] ?? []).map((message) => ({ failureClass, message })),
  ),
);

/** Reasons that say enough, by the class that they are of. */
const REASONS: Partial<Record<PullFailureClass, readonly string[]>> = {
  timeout: ["DeadlineExceeded", "Timeout"],
  evicted: ["Evicted"],
  "image-unusable": ["InvalidImageName", "SignatureValidationFailed"],
  "pod-altered": ["ImageReplaced"],
  "registry-unavailable": ["RegistryUnavailable"],
  "node-runtime": ["ImageInspectError", "FailedCreatePodSandBox"],
  "node-refused": [
    "OutOfcpu",
    "OutOfmemory",
    "OutOfpods",
    "OutOfexample.org/gpu",
    "NodeAffinity",
    "TaintToleration",
    "ProviderFailed",
  ],
  "container-failed": ["CreateContainerConfigError", "CreateContainerError", "RunContainerError", "StartError"],
  refused: ["Forbidden", "Unauthorized", "Invalid", "NotFound", "KUBERNETES_DENIED"],
  "name-taken": ["AlreadyExists"],
  "kubernetes-unavailable": ["InternalError", "Unavailable", "ServiceUnavailable", "KUBERNETES_UNAVAILABLE"],
  interrupted: ["Deleted", "NodeLost", "NodeShutdown", "Terminated", "Preempting"],
  "disk-full": ["OutOfephemeral-storage", "OutOfDisk", "DiskPressure"],
  other: ["", "constructor", "SomethingNew"],
};

function classOf(reason: string, text: string): PullFailureClass {
  return classifyFailure(reason, text).failureClass;
}

test(`F24, F75: ${MESSAGES.length} real messages of runtimes and registries have the class of whoever has to act`, () => {
  assert.ok(MESSAGES.length >= 80);
  for (const { failureClass, message } of MESSAGES) {
    assert.equal(classOf("ErrImagePull", message), failureClass, message);
    const repeated = message === "" ? "" : `: ErrImagePull: ${message}`;
    assert.equal(classOf("ImagePullBackOff", `Back-off pulling image "${IMAGE}"${repeated}`), failureClass, message);
  }
});

describe("the class of a failure", () => {
  it("is that of the reason where the reason says enough, whatever the message says", () => {
    for (const [expected, reasons] of Object.entries(REASONS)) {
      for (const reason of reasons) assert.equal(classOf(reason, ""), expected, reason);
    }
    assert.equal(classOf("Forbidden", "429"), "refused");
  });

  it("is a full disk whichever part of a node reports it, and not where a quota of storage is used up", () => {
    for (const [reason, message] of [
      ["Evicted", "The node was low on resource: ephemeral-storage. Threshold quantity: 10Gi"],
      ["Evicted", "The node was low on resource: inodes."],
      ["Evicted", "Pod was rejected: The node had condition: [DiskPressure]."],
      ["CreateContainerError", "mkdir /var/lib/kubelet/x: no space left on device"],
    ] as const) {
      assert.equal(classOf(reason, message), "disk-full", message);
    }
    assert.equal(classOf("Forbidden", "exceeded quota: small, requested: limits.ephemeral-storage=1Gi"), "refused");
    assert.equal(classOf("Evicted", "The node was low on resource: memory."), "evicted");
  });

  it("is the runtime's where a container cannot be created for its sake", () => {
    const text = "failed to create containerd container: mkdir /var/lib/containerd/x: read-only file system";
    assert.equal(classOf("CreateContainerError", text), "node-runtime");
    assert.equal(classOf("CreateContainerConfigError", 'secret "x" not found'), "container-failed");
  });

  it("F24: is in the text where the reason is open, or is a text itself", () => {
    const text = "pinging container registry registry.test: dial tcp 10.0.0.1:443: connect: no route to host";
    assert.equal(classOf("RegistryUnavailable", text), "network");
    assert.equal(classOf("ProviderFailed", "429 Too Many Requests"), "registry-rate-limited");
    assert.equal(classOf("mkdir /var/lib/kubelet/image_manager: read-only file system", ""), "node-runtime");
  });

  it("F24: does not follow from words in names of images, hosts, files and addresses", () => {
    for (const message of [
      'pulling "registry.test/toomanyrequests/denied:timeout" has stopped',
      "pulling registry.test/x509/forbidden:404@sha256:403 has stopped",
      "pulling timeout-429.test:503/eof has stopped",
      "pulling nginx:403 has stopped",
      "pulling https://denied.test/unauthorized?throttle=429 has stopped",
      "lookup registry-429 has stopped",
      "pulling to /var/lib/timeout/403 has stopped",
    ]) {
      assert.equal(classOf("ErrImagePull", message), "other", message);
    }
  });

  it("takes no longer for a text made to be slow", () => {
    for (const text of ["a.".repeat(50_000), "/a:@".repeat(20_000), "x ".repeat(50_000), '"'.repeat(50_000)]) {
      const start = performance.now();
      classifyFailure("ErrImagePull", text);
      assert.ok(performance.now() - start < 1_000, "within a second");
    }
  });
});

test("each class has a message and a remedy of its own, and is known by some reason or message", () => {
  const seen = new Set([...MESSAGES.map(({ failureClass }) => failureClass), ...Object.keys(REASONS)]);
  assert.deepEqual(seen, new Set(PULL_FAILURE_CLASSES));
  assert.equal(new Set(PULL_FAILURE_CLASSES).size, FAILURE_TABLE.length);
  for (const failureClass of PULL_FAILURE_CLASSES) assert.match(describeClass(failureClass), /^\w.+; \w.+/);
  assert.equal(new Set(PULL_FAILURE_CLASSES.map(describeClass)).size, PULL_FAILURE_CLASSES.length);
});
