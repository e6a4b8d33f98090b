import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { startKubernetesApi } from "../../src/simulation/kubernetes-api.ts";
import { eventually } from "../support/eventually.ts";
import { connectSource, digest, nodeObject } from "./node-fixture.ts";

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
});
