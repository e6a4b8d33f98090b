import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { KubernetesUnavailableError } from "../../src/domain/errors.ts";
import { leaseBody, microTime, readLease } from "../../src/kubernetes/lease/lease-object.ts";

const NOBODY = { holder: "", durationSeconds: 0, acquireTime: "", renewTime: "", transitions: 0 };

describe("lease object", () => {
  it("is read with what others have left out", () => {
    const lease = readLease("read", { kind: "Lease", metadata: { name: "l", resourceVersion: "7" } });
    assert.deepEqual(lease.record, NOBODY);
    assert.equal(lease.resourceVersion, "7");
  });

  it("keeps the metadata of the version that it replaces, and leaves out times that are not set", () => {
    const metadata = { name: "l", resourceVersion: "7", labels: { a: "b" } };
    const body = leaseBody(metadata, NOBODY);
    assert.deepEqual(body["metadata"], metadata);
    assert.deepEqual(body["spec"], { holderIdentity: "", leaseDurationSeconds: 0, leaseTransitions: 0 });
  });

  it("is refused where it is none", () => {
    for (const value of [null, {}, { kind: "Lease" }, { kind: "Pod", metadata: { resourceVersion: "1" } }]) {
      assert.throws(() => readLease("read", value), KubernetesUnavailableError);
    }
  });

  it("has times of six digits after the second", () => {
    assert.equal(microTime(Date.UTC(2077, 9, 23, 1, 2, 3, 45)), "2077-10-23T01:02:03.045000Z");
  });
});
