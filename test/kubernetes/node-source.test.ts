import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { nodeNameOf } from "../../src/kubernetes/watch/change-queue.ts";
import { startKubernetesApi } from "../../src/simulation/kubernetes/kubernetes-api.ts";
import { eventually } from "../support/eventually.ts";
import { assertInStep, connectSource, digest, nodeObject, shortLimits, watchRequests } from "./node-fixture.ts";

describe("node source", () => {
  it("lists in pages and follows what happens after", async () => {
    const api = await startKubernetesApi();
    try {
      for (let i = 0; i < 8; i += 1) api.putNode(nodeObject(`node-${i}`, [i]));
      await using connected = await connectSource(api.kubeconfig);
      const follower = connected.follow();
      await follower.list();
      assert.equal(follower.nodes.size, 8);
      assert.equal(api.requests.filter((each) => each.target.includes("limit=3")).length, 3);
      api.putNode(nodeObject("node-8", [1, 2]));
      api.deleteNode("node-0");
      await eventually(() => {
        assert.equal(follower.nodes.has("node-0"), false);
        assert.deepEqual(follower.nodes.get("node-8")?.images[1]?.digests, [digest(2)]);
      });
      assert.deepEqual(follower.health, [null]);
    } finally {
      await api.close();
    }
  });

  it("takes nothing back that the watch has reported while a list was on its way", async () => {
    const api = await startKubernetesApi();
    try {
      for (const name of ["kept", "changed", "removed", "remade"]) api.putNode(nodeObject(name, [1]));
      await using connected = await connectSource(api.kubeconfig, { limits: { ...shortLimits, list: {} } });
      const follower = connected.follow();
      await follower.list();
      await eventually(() => assert.equal(api.watches, 1));
      // The server has made its list, and the watch is faster than the answer.
      const made = await (await fetch(`${api.url}/api/v1/nodes`)).text();
      api.intercept((request, response) => {
        if (request.url?.includes("watch=true")) return false;
        const answer = () => response.writeHead(200, { "content-type": "application/json" }).end(made);
        eventually(() => assertInStep(api, follower)).then(answer, () => response.destroy());
        return true;
      });
      api.putNode(nodeObject("changed", [2]));
      api.deleteNode("removed");
      api.deleteNode("remade");
      api.putNode(nodeObject("remade", [3]));
      api.putNode(nodeObject("joined", [4]));
      api.putNode(nodeObject("changed", [5]));
      await follower.list();
      assertInStep(api, follower);
      // The watch that goes on from the list's version is told all of that again: it is no news.
      const told = follower.batches.length;
      await eventually(() => assert.equal(watchRequests(api).length, 2));
      api.putNode(nodeObject("kept", [6]));
      api.putNode(nodeObject("changed", [7]));
      await eventually(() => assertInStep(api, follower));
      assert.deepEqual(follower.batches.slice(told).flat().map(nodeNameOf).toSorted(), ["changed", "kept"]);
    } finally {
      await api.close();
    }
  });
});
