import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { classOfFailure, PULL_FAILURE_CLASSES, type PullFailureClass } from "../../src/domain/prepull/pull-failure.ts";

const IMAGE = "registry.test/sciplat/lab:w_2077_43@sha256:401403404429500";
const PULLING = `failed to pull and unpack image "${IMAGE}": failed to resolve reference "${IMAGE}":`;
const HEAD = "unexpected status from HEAD request to https://registry.test/v2/sciplat/lab/manifests/sha256:4040:";

/** What the runtimes and registries have been seen to say, under the reason that the kubelet gives to almost everything. */
const WORDS: readonly (readonly [words: string, expected: PullFailureClass])[] = [
  // containerd
  [`${PULLING} ${HEAD} 401 Unauthorized`, "registry-denied"],
  [`${PULLING} ${HEAD} 403 Forbidden`, "registry-denied"],
  [`${PULLING} failed to authorize: failed to fetch anonymous token: ${HEAD} 401 Unauthorized`, "registry-denied"],
  [
    `${PULLING} pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed`,
    "registry-denied",
  ],
  [`rpc error: code = NotFound desc = ${PULLING} ${IMAGE}: not found`, "image-not-found"],
  [`${PULLING} ${HEAD} 404 Not Found`, "image-not-found"],
  [`${PULLING} ${HEAD} 429 Too Many Requests`, "registry-rate-limited"],
  [
    "429 Too Many Requests - Server message: toomanyrequests: You have reached your pull rate limit. You may increase the limit by authenticating and upgrading",
    "registry-rate-limited",
  ],
  [`${PULLING} ${HEAD} 503 Service Unavailable`, "registry-unavailable"],
  [
    `${PULLING} failed to do request: Head "https://registry.test/v2/": dial tcp 10.0.0.1:443: i/o timeout`,
    "registry-unavailable",
  ],
  [`${PULLING} failed to do request: dial tcp 10.0.0.1:443: connect: connection refused`, "registry-unavailable"],
  [
    `${PULLING} failed to do request: dial tcp: lookup registry.test on 10.0.0.10:53: no such host`,
    "registry-unavailable",
  ],
  [`${PULLING} failed to do request: dial tcp: lookup registry.test: server misbehaving`, "registry-unavailable"],
  [`${PULLING} failed to do request: net/http: TLS handshake timeout`, "registry-unavailable"],
  ["failed to copy: httpReadSeeker: failed open: context canceled", "registry-unavailable"],
  ["failed to copy: unexpected EOF", "registry-unavailable"],
  [
    `${PULLING} failed to do request: tls: failed to verify certificate: x509: certificate signed by unknown authority`,
    "registry-untrusted",
  ],
  [`${PULLING} http: server gave HTTP response to HTTPS client`, "registry-untrusted"],
  ["failed to extract layer sha256:ab: write /var/lib/containerd/x: no space left on device: unknown", "disk-full"],
  ["no match for platform in manifest: not found", "image-unusable"],
  [
    "failed commit on ref: unexpected commit digest sha256:ab, expected sha256:cd: failed precondition",
    "image-unusable",
  ],
  ["connection error: dial unix /run/containerd/containerd.sock: connect: connection refused", "node-runtime"],
  ["mkdir /var/lib/containerd/io.containerd.content.v1.content/ingest/1: permission denied", "node-runtime"],
  ["failed to extract layer: open /var/lib/x: read-only file system", "node-runtime"],
  // CRI-O
  [
    "initializing source docker://registry.test/lab: reading manifest w_1 in registry.test/lab: manifest unknown",
    "image-not-found",
  ],
  ["name unknown: The repository with name 'lab' does not exist in the registry", "image-not-found"],
  ["unable to retrieve auth token: invalid username/password: unauthorized", "registry-denied"],
  [
    "pinging container registry registry.test: Get https://registry.test/v2/: dial tcp 10.0.0.1:443: connect: no route to host",
    "registry-unavailable",
  ],
  [
    "reading manifest w_1 in registry.test/lab: toomanyrequests: You have reached your pull rate limit",
    "registry-rate-limited",
  ],
  ["no image found in manifest list for architecture arm64, variant v8, OS linux", "image-unusable"],
  ["Source image rejected: A signature was required, but no signature exists", "image-unusable"],
  ["writing blob: storing blob to file: write /var/tmp/storage1: no space left on device", "disk-full"],
  // registries
  ["denied: Permission 'artifactregistry.repositories.downloadArtifacts' denied on resource", "registry-denied"],
  ["denied: permission_denied: The token provided does not match expected scopes.", "registry-denied"],
  ["no basic auth credentials", "registry-denied"],
  // nobody's
  [`Back-off pulling image "${IMAGE}"`, "other"],
  ["something else", "other"],
  ["", "other"],
];

/** Reasons that say enough, by the class that they are of. */
const REASONS: Partial<Record<PullFailureClass, readonly string[]>> = {
  timeout: ["DeadlineExceeded", "Timeout"],
  evicted: ["Evicted"],
  "image-unusable": ["InvalidImageName", "SignatureValidationFailed"],
  "registry-unavailable": ["RegistryUnavailable"],
  "node-runtime": ["ImageInspectError"],
  "node-refused": ["OutOfcpu", "OutOfmemory", "OutOfpods", "OutOfexample.org/gpu", "NodeAffinity", "TaintToleration"],
  "container-failed": ["CreateContainerConfigError", "CreateContainerError", "RunContainerError", "StartError"],
  refused: ["Forbidden", "Unauthorized", "Invalid", "NotFound", "AlreadyExists", "KUBERNETES_DENIED"],
  "kubernetes-unavailable": ["InternalError", "Unavailable", "ServiceUnavailable", "KUBERNETES_UNAVAILABLE"],
  interrupted: ["Deleted", "NodeLost", "NodeShutdown", "Terminated", "Preempting"],
  "disk-full": ["OutOfephemeral-storage", "OutOfDisk", "DiskPressure"],
  other: ["", "constructor", "SomethingNew"],
};

describe("the class of a failure", () => {
  for (const reason of ["ErrImagePull", "ImagePullBackOff"]) {
    it(`is in the runtime's words where the kubelet says ${reason}`, () => {
      for (const [message, expected] of WORDS) assert.equal(classOfFailure({ reason, message }), expected, message);
    });
  }

  it("is that of the reason where the reason says enough, whatever the message says", () => {
    for (const [expected, reasons] of Object.entries(REASONS)) {
      for (const reason of reasons) {
        assert.equal(classOfFailure({ reason, message: "" }), expected, reason);
      }
    }
    assert.equal(classOfFailure({ reason: "Forbidden", message: "429" }), "refused");
  });

  it("is a full disk whichever part of a node tells of it, and not where a quota of storage is used up", () => {
    for (const [reason, message] of [
      ["Evicted", "The node was low on resource: ephemeral-storage. Threshold quantity: 10Gi"],
      ["Evicted", "The node was low on resource: inodes."],
      ["Evicted", "Pod was rejected: The node had condition: [DiskPressure]."],
      ["CreateContainerError", "mkdir /var/lib/kubelet/x: no space left on device"],
    ] as const) {
      assert.equal(classOfFailure({ reason, message }), "disk-full", message);
    }
    const quota = "exceeded quota: small, requested: limits.ephemeral-storage=1Gi";
    assert.equal(classOfFailure({ reason: "Forbidden", message: quota }), "refused");
    assert.equal(classOfFailure({ reason: "Evicted", message: "The node was low on resource: memory." }), "evicted");
  });

  it("is known for each of the classes", () => {
    const seen = new Set([...WORDS.map(([, expected]) => expected), ...Object.keys(REASONS)]);
    assert.deepEqual(seen, new Set(PULL_FAILURE_CLASSES));
  });
});
