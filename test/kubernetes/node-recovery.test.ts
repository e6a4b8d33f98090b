import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { eventually } from "../support/eventually.ts";
import type { Fault } from "../support/fault-proxy.ts";
import { answerWatches, assertInStep, digest, nodeObject, startCluster } from "./node-fixture.ts";

describe("node watch (K5: same name, other node)", () => {
  it("recognizes a node that was created again by its uid", async () => {
    await using cluster = await startCluster();
    const { api, connected } = cluster;
    api.putNode(nodeObject("node-a", [1]));
    const follower = connected.follow();
    await follower.list();
    const before = follower.nodes.get("node-a");
    await eventually(() => assert.equal(api.watches, 1));
    api.deleteNode("node-a");
    api.putNode(nodeObject("node-a"));
    await eventually(() => assertInStep(api, follower));
    const after = follower.nodes.get("node-a");
    assert.notEqual(after?.uid, before?.uid);
    assert.deepEqual(after?.images, []);
  });

  it("lets go of a name whose second node has left, too, before the first one's end was handed over", async () => {
    await using cluster = await startCluster();
    const { api, connected } = cluster;
    api.putNode(nodeObject("node-a", [1]));
    api.putNode(nodeObject("node-b", [1]));
    const follower = connected.follow();
    await follower.list();
    await eventually(() => assert.equal(api.watches, 1));
    api.deleteNode("node-a");
    api.putNode(nodeObject("node-a"));
    api.deleteNode("node-a");
    api.putNode(nodeObject("node-b", [2]));
    await eventually(() => assert.deepEqual(follower.nodes.get("node-b")?.images[0]?.digests, [digest(2)]));
    assertInStep(api, follower);
  });

  it("finds out by the list when that happened while nobody watched", async () => {
    await using cluster = await startCluster();
    const { api, connected, proxy } = cluster;
    api.putNode(nodeObject("node-a", [1]));
    const follower = connected.follow();
    await follower.list();
    proxy.setFault({ kind: "refuse", applyToOpen: true });
    proxy.cutAll();
    api.deleteNode("node-a");
    api.putNode(nodeObject("node-a"));
    api.expireHistory();
    proxy.setFault(null);
    await eventually(() => assertInStep(api, follower));
  });
});

describe("node watch (K1, K2: faults of the network, one at a time)", () => {
  const faults: readonly Fault[] = [
    { kind: "latency", milliseconds: 100 },
    { kind: "refuse" },
    { kind: "half-open" },
    { kind: "drip", bytesPerSecond: 2_000 },
    { kind: "truncate", afterBytes: 700 },
    { kind: "reset", afterBytes: 700 },
  ];
  for (const fault of faults) {
    it(`is right again after ${fault.kind}`, async () => {
      await using cluster = await startCluster();
      const { api, connected, proxy } = cluster;
      for (let i = 0; i < 5; i += 1) api.putNode(nodeObject(`node-${i}`, [i]));
      const follower = connected.follow();
      await follower.list();
      await eventually(() => assert.equal(api.watches, 1));
      proxy.setFault({ ...fault, applyToOpen: true });
      api.deleteNode("node-0");
      api.putNode(nodeObject("node-1", [11]));
      await follower.list().catch(() => undefined);
      api.putNode(nodeObject("node-2", [12]));
      proxy.setFault(null);
      await eventually(() => {
        assertInStep(api, follower);
        assert.equal(follower.health.at(-1), null);
      });
    });
  }
});

describe("node watch (selectors, K10: restarts)", () => {
  it("removes a node whose labels no longer match, and adds it when they do again", async () => {
    await using cluster = await startCluster({ nodeSelector: { pool: "lab", "kubernetes.io/arch": "amd64" } });
    const { api, connected } = cluster;
    api.putNode(nodeObject("node-a", [1]));
    api.putNode(nodeObject("node-b", [1], { metadata: { labels: { pool: "other" } } }));
    const follower = connected.follow();
    await follower.list();
    assert.deepEqual([...follower.nodes.keys()], ["node-a"]);
    await eventually(() => assert.equal(api.watches, 1));
    api.patchNode("node-a", { metadata: { labels: { pool: "other" } } });
    await eventually(() => assert.deepEqual([...follower.nodes.keys()], []));
    api.patchNode("node-a", { metadata: { labels: { pool: "lab" } } });
    await eventually(() => assert.deepEqual([...follower.nodes.keys()], ["node-a"]));
  });

  it("survives an API server that is down for a while", async () => {
    await using cluster = await startCluster();
    const { api, connected, proxy } = cluster;
    api.putNode(nodeObject("node-a", [1]));
    const follower = connected.follow();
    await follower.list();
    await eventually(() => assert.equal(api.watches, 1));
    proxy.setFault({ kind: "refuse", applyToOpen: true });
    proxy.cutAll();
    await eventually(() => assert.match(String(follower.health.at(-1)), /connection to the Kubernetes API failed/));
    api.putNode(nodeObject("node-b", [2]));
    proxy.setFault(null);
    await eventually(() => {
      assertInStep(api, follower);
      assert.equal(follower.health.at(-1), null);
    });
  });

  it("goes on when its listener throws", async () => {
    await using cluster = await startCluster();
    const { api, connected } = cluster;
    const names: string[] = [];
    let throws = 0;
    const life = new AbortController();
    connected.source.follow(
      {
        changed(changes) {
          for (const change of changes) names.push(change.type === "node.reported" ? change.node.name : change.name);
        },
        health(error) {
          if (error === null) return;
          throws += 1;
          throw new Error("the listener is broken");
        },
        relistNeeded: () => undefined,
      },
      life.signal,
    );
    answerWatches(api, 1, (response) => response.writeHead(500).end());
    await connected.source.list(
      () => undefined,
      () => undefined,
      connected.signal,
    );
    api.putNode(nodeObject("node-a", [1]));
    await eventually(() => assert.deepEqual([names, throws], [["node-a"], 1]));
    life.abort();
  });

  it("asks for a list when its listener has thrown", async () => {
    await using cluster = await startCluster();
    const { api, connected } = cluster;
    let calls = 0;
    let relists = 0;
    const life = new AbortController();
    connected.source.follow(
      {
        changed() {
          calls += 1;
          throw new Error("the listener is broken");
        },
        health: () => undefined,
        relistNeeded() {
          relists += 1;
        },
      },
      life.signal,
    );
    assert.throws(() => connected.follow(), /followed already/);
    await connected.source.list(
      () => undefined,
      () => undefined,
      connected.signal,
    );
    api.putNode(nodeObject("node-a", [1]));
    await eventually(() => assert.deepEqual([calls, relists], [1, 1]));
    life.abort();
    const follower = connected.follow();
    await follower.list();
    await eventually(() => assertInStep(api, follower));
    assert.equal(calls, 1, "nothing is told after the signal");
  });
});
