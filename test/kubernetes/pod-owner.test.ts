import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createDeploymentOwner, noOwner } from "../../src/kubernetes/pods/pod-owner.ts";
import { manualClock } from "../support/manual-clock.ts";
import { silentLogger } from "./node-fixture.ts";
import { type PrepullBench, startPrepullBench, unending } from "./prepull-fixture.ts";

/** Makes the API server serve a Deployment, or answer with another status. */
function serveDeployment(bench: PrepullBench, status: number, uid: string): { requests: number } {
  const seen = { requests: 0 };
  bench.api.intercept((request, response) => {
    if (!request.url?.startsWith("/apis/apps/v1/namespaces/lab/deployments/lab-images")) return false;
    seen.requests += 1;
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify({ kind: "Deployment", metadata: { name: "lab-images", uid } }));
    return true;
  });
  return seen;
}

describe("pod owner", () => {
  const clock = manualClock();
  const ownerIn = (bench: PrepullBench, podNamespace = "lab") =>
    createDeploymentOwner({
      connection: bench.connection,
      deployment: { namespace: "lab", name: "lab-images" },
      podNamespace,
      clock,
      logger: silentLogger,
    });

  it("is our Deployment, asked for now and then", async () => {
    await using bench = await startPrepullBench();
    const seen = serveDeployment(bench, 200, "u1");
    const owner = ownerIn(bench);
    const expected = { apiVersion: "apps/v1", kind: "Deployment", name: "lab-images", uid: "u1", controller: true };
    assert.deepEqual(await owner.current(unending), expected);
    assert.deepEqual(await owner.current(unending), expected);
    assert.equal(seen.requests, 1);
    await clock.advance(600_000);
    serveDeployment(bench, 200, "u2");
    assert.equal((await owner.current(unending))?.uid, "u2");
  });

  it("is asked for once by pulls that begin together, of which one may be given up", async () => {
    await using bench = await startPrepullBench();
    const seen = serveDeployment(bench, 200, "u1");
    const owner = ownerIn(bench);
    const giveUp = new AbortController();
    const reason = new Error("enough");
    const lost = assert.rejects(owner.current(giveUp.signal), reason);
    const asked = [1, 2, 3].map(() => owner.current(unending));
    giveUp.abort(reason);
    await lost;
    assert.deepEqual(
      (await Promise.all(asked)).map((each) => each?.uid),
      ["u1", "u1", "u1"],
    );
    assert.equal(seen.requests, 1);
  });

  it("is nobody where the pods are in another namespace", async () => {
    await using bench = await startPrepullBench();
    const seen = serveDeployment(bench, 200, "u1");
    const owner = ownerIn(bench, "other");
    assert.equal(owner, noOwner);
    assert.equal(await owner.current(unending), null);
    assert.equal(seen.requests, 0);
  });

  for (const [status, uid] of [
    [403, "u1"],
    [404, "u1"],
    [200, ""],
  ] as const) {
    it(`is nobody for a while where the server answers ${status} ${uid}`, async () => {
      await using bench = await startPrepullBench();
      const seen = serveDeployment(bench, status, uid);
      const owner = ownerIn(bench);
      assert.equal(await owner.current(unending), null);
      assert.equal(await owner.current(unending), null);
      assert.equal(seen.requests, 1);
      await clock.advance(600_000);
      serveDeployment(bench, 200, "u1");
      assert.equal((await owner.current(unending))?.uid, "u1");
    });
  }

  it("rejects for an abort", async () => {
    await using bench = await startPrepullBench();
    const reason = new Error("enough");
    await assert.rejects(ownerIn(bench).current(AbortSignal.abort(reason)), reason);
  });
});
