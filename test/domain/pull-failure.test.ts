import assert from "node:assert/strict";
import { test } from "node:test";
import { classOfFailure, type PullFailureClass } from "../../src/domain/pull-failure.ts";

const CASES: readonly (readonly [reason: string, message: string, expected: PullFailureClass])[] = [
  ["ErrImagePull", "failed to resolve reference: unexpected status: 401 Unauthorized", "registry-denied"],
  ["ErrImagePull", "pull access denied, repository does not exist or may require authorization", "registry-denied"],
  ["ErrImagePull", 'rpc error: code = NotFound desc = "registry.test/lab@sha256:ab": not found', "image-not-found"],
  ["ImagePullBackOff", 'Back-off pulling image "x": ErrImagePull: manifest unknown', "image-not-found"],
  ["ErrImagePull", "write /var/lib/containerd/ingest/1: no space left on device", "disk-full"],
  ["Evicted", "The node was low on resource: ephemeral-storage.", "disk-full"],
  ["Evicted", "The node was low on resource: memory.", "evicted"],
  ["DiskPressure", "Node had condition: [DiskPressure]", "disk-full"],
  ["ErrImagePull", "dial tcp 10.0.0.1:443: connect: connection refused", "registry-unavailable"],
  ["ErrImagePull", "unexpected status: 503 Service Unavailable", "registry-unavailable"],
  ["RegistryUnavailable", "", "registry-unavailable"],
  ["ErrImagePull", "something else", "other"],
  ["DeadlineExceeded", "Pod was active on the node longer than the specified deadline", "timeout"],
  ["Forbidden", "pods is forbidden: exceeded quota", "refused"],
  ["AlreadyExists", "", "refused"],
  ["Deleted", "somebody has deleted the pod", "interrupted"],
  ["NodeLost", "", "interrupted"],
  ["OutOfcpu", "Node didn't have enough resource: cpu", "other"],
  ["InternalError", "401", "other"],
];

test("failures are told apart by what the kubelet and the API server say", () => {
  for (const [reason, message, expected] of CASES) {
    assert.equal(classOfFailure({ reason, message }), expected, `${reason}: ${message}`);
  }
});
