import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import type { V1Pod } from "@kubernetes/client-node";
import { failureOf, unending } from "../kubernetes/prepull-fixture.ts";
import { eventually } from "../support/eventually.ts";
import { findNodeBinaries } from "./binaries.ts";
import { startPrepullerCluster } from "./prepuller-cluster.ts";

const lookup = await findNodeBinaries();
const skip = lookup.available ? false : `did not run: ${lookup.reason}`;

describe("kubectl drain while a pull runs", { skip }, () => {
  it("F28: evicts the pod, since it has a controller, and the pull ends as interrupted", async () => {
    assert.ok(lookup.available);
    await using cluster = await startPrepullerCluster();
    await cluster.addNode("drained");
    const order = await cluster.order("drained", 1);
    const pull = cluster.puller().pull(order, unending);
    await eventually(() => cluster.pod<V1Pod>(order), { withinMs: 60_000 });
    const drain = ["drain", "drained", "--timeout=30s", "--kubeconfig", cluster.plane.adminKubeconfigPath];
    await promisify(execFile)(lookup.binaries.kubectl, drain, { timeout: 60_000 });
    const failure = failureOf(await pull);
    assert.deepEqual([failure.failureClass, failure.reason], ["interrupted", "Deleted"]);
    assert.equal(await cluster.podCount(), 0);
  });
});
