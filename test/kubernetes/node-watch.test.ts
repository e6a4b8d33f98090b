import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { describe, it } from "node:test";
import { eventually } from "../support/eventually.ts";
import {
  answerWatches,
  assertInStep,
  listRequests,
  nodeObject,
  shortLimits,
  startCluster,
  watchRequests,
} from "./node-fixture.ts";

function answerJson(response: ServerResponse, text: string): void {
  response.writeHead(200, { "content-type": "application/json" }).end(text);
}

describe("node watch (K1: broken watches)", () => {
  const faults: Readonly<Record<string, (response: ServerResponse) => void>> = {
    "a 500": (response) => response.writeHead(500).end("boom"),
    "a 503 with an HTML page": (response) => response.writeHead(503, { "content-type": "text/html" }).end("<html>"),
    "an HTML page with 200": (response) => response.writeHead(200, { "content-type": "text/html" }).end("<html>"),
    "a garbled line": (response) => answerJson(response, '{"type":"MODIFIED","object":{"metad\u0000\n'),
    "half a line": (response) => answerJson(response, '{"type":"MODIFIED","object":{"metadata":{"name":"no'),
    "an event without an object": (response) => answerJson(response, '{"type":"MODIFIED"}\n'),
    "an event of no known type": (response) => answerJson(response, '{"type":"SURPRISE","object":{}}\n'),
    "an ERROR event": (response) =>
      answerJson(response, '{"type":"ERROR","object":{"kind":"Status","code":500,"reason":"InternalError"}}\n'),
    "an ERROR event without a status": (response) => answerJson(response, '{"type":"ERROR"}\n'),
    "a reset": (response) => response.socket?.resetAndDestroy(),
  };
  for (const [name, answer] of Object.entries(faults)) {
    it(`goes on after ${name}, with backoff and nothing lost`, async () => {
      await using cluster = await startCluster();
      const { api, connected } = cluster;
      api.putNode(nodeObject("node-a", [1]));
      answerWatches(api, 4, answer);
      const follower = connected.follow();
      await follower.list();
      api.putNode(nodeObject("node-b", [2]));
      await eventually(() => {
        assertInStep(api, follower);
        assert.equal(follower.health.at(-1), null);
      });
      assert.match(String(follower.health[0]), /watch nodes/);
      const times = watchRequests(api).map((each) => each.time);
      const gaps = times.slice(1).map((time, index) => time - (times[index] ?? 0));
      // A reset is answered by one more try at once, in case the socket was stale.
      const tries = gaps.filter((gap) => gap >= 9);
      assert.ok(tries.length >= 2 && times.length <= 12, `gaps between watches: ${gaps.map(Math.round)}`);
    });
  }

  it("neither storms nor falls silent when the server closes after each event", async () => {
    const limits = { ...shortLimits, backoff: { initialMs: 20, maxMs: 80, resetAfterMs: 2_000 } };
    await using cluster = await startCluster({ limits });
    const { api, connected } = cluster;
    for (let i = 0; i < 5; i += 1) api.putNode(nodeObject(`node-${i}`, [1]));
    const follower = connected.follow();
    await follower.list();
    const started = performance.now();
    let version = 2;
    const churn = setInterval(() => {
      version += 1;
      api.putNode(nodeObject(`node-${version % 5}`, [version]));
      api.closeWatches();
    }, 3);
    await eventually(() => assert.ok(watchRequests(api).length > 12));
    const elapsed = performance.now() - started;
    clearInterval(churn);
    assert.ok(watchRequests(api).length <= elapsed / 20 + 2, "no more than one watch per first delay");
    assert.ok(follower.relists > 0, "a list is asked for when watches keep ending early");
    assert.deepEqual(follower.health, [null]);
    await eventually(() => assertInStep(api, follower));
  });

  it("begins the next watch at once after a long life", async () => {
    const never = { initialMs: 600_000, maxMs: 600_000, resetAfterMs: 600_000 };
    await using cluster = await startCluster({ limits: { backoff: never, watch: { longLifeMs: 0 } } });
    const { api, connected } = cluster;
    const follower = connected.follow();
    await follower.list();
    await eventually(() => assert.equal(api.watches, 1));
    api.closeWatches();
    await eventually(() => assert.equal(watchRequests(api).length, 2));
    api.putNode(nodeObject("node-a", [1]));
    await eventually(() => assertInStep(api, follower));
  });

  it("counts a quiet watch as working after a while", async () => {
    await using cluster = await startCluster({ limits: { ...shortLimits, watch: { stableMs: 20 } } });
    const follower = cluster.connected.follow();
    await follower.list();
    await eventually(() => assert.deepEqual(follower.health, [null]));
  });
});

describe("node watch (K2: silence)", () => {
  it("notices a half-open connection, says so, and lists again", async () => {
    await using cluster = await startCluster();
    const { api, proxy, connected } = cluster;
    api.putNode(nodeObject("node-a", [1]));
    const follower = connected.follow();
    await follower.list();
    await eventually(() => assert.equal(api.watches, 1));
    proxy.setFault({ kind: "half-open", applyToOpen: true });
    api.putNode(nodeObject("node-b", [2]));
    await eventually(() =>
      assert.match(String(follower.health.at(-1)), /cannot watch nodes: the Kubernetes API timed out/),
    );
    assert.equal(follower.relists, 1);
    assert.equal(follower.nodes.has("node-b"), false);
    proxy.setFault(null);
    await eventually(() => {
      assertInStep(api, follower);
      assert.equal(follower.health.at(-1), null);
    });
  });

  it("begins another watch where nothing happens, without calling that a failure", async () => {
    await using cluster = await startCluster({ limits: { watch: { silenceMs: 50, stableMs: 5 } } });
    const { api, connected } = cluster;
    const follower = connected.follow();
    await follower.list();
    await eventually(() => assert.ok(watchRequests(api).length >= 4));
    assert.deepEqual(follower.health, [null]);
    api.putNode(nodeObject("node-a", [1]));
    await eventually(() => assertInStep(api, follower));
  });

  it("takes bookmarks for signs of life and goes on from them", async () => {
    await using cluster = await startCluster({ api: { bookmarkIntervalMs: 50 } });
    const { api, connected } = cluster;
    const follower = connected.follow();
    await follower.list();
    await eventually(() => assert.equal(api.watches, 1));
    api.put("pods", {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "other", namespace: "default" },
    });
    const started = performance.now();
    await eventually(() => assert.ok(performance.now() - started > 600));
    assert.equal(watchRequests(api).length, 1, "bookmarks keep the watch alive past the silence limit");
    api.closeWatches();
    await eventually(() => assert.equal(watchRequests(api).length, 2));
    const [first, second] = watchRequests(api).map((each) => new URLSearchParams(each.target.split("?")[1]));
    assert.ok(Number(second?.get("resourceVersion")) > Number(first?.get("resourceVersion")));
    assert.equal(first?.get("allowWatchBookmarks"), "true");
    const seconds = Number(first?.get("timeoutSeconds"));
    assert.ok(seconds >= 300 && seconds <= 600);
  });
});

describe("node watch (K3: expired versions)", () => {
  it("lists once after a 410 event, and goes on", async () => {
    await using cluster = await startCluster();
    const { api, connected, proxy } = cluster;
    api.putNode(nodeObject("node-a", [1]));
    const follower = connected.follow();
    await follower.list();
    await eventually(() => assert.equal(api.watches, 1));
    proxy.setFault({ kind: "refuse", applyToOpen: true });
    proxy.cutAll();
    api.deleteNode("node-a");
    api.putNode(nodeObject("node-b", [2]));
    api.expireHistory();
    proxy.setFault(null);
    await eventually(() => assertInStep(api, follower));
    assert.equal(follower.relists, 1);
    assert.equal(listRequests(api).length, 2);
  });

  it("lists once after a 410 answer", async () => {
    await using cluster = await startCluster();
    const { api, connected } = cluster;
    api.putNode(nodeObject("node-a", [1]));
    answerWatches(api, 1, (response) =>
      response.writeHead(410, { "content-type": "application/json" }).end('{"kind":"Status","code":410}'),
    );
    const follower = connected.follow();
    await follower.list();
    await eventually(() => assert.equal(api.watches, 1));
    assert.equal(follower.relists, 1);
    assert.equal(listRequests(api).length, 2);
  });

  it("asks for lists with backoff while every version is expired", async () => {
    await using cluster = await startCluster();
    const { api, connected } = cluster;
    answerWatches(api, Number.POSITIVE_INFINITY, (response) =>
      answerJson(response, '{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired"}}\n'),
    );
    const follower = connected.follow();
    await follower.list();
    const started = performance.now();
    await eventually(() => assert.ok(follower.relists >= 6));
    // At once, then 15, 30, 60, 120 and 120 ms.
    assert.ok(performance.now() - started > 300);
    api.intercept(null);
    api.putNode(nodeObject("node-a", [1]));
    await eventually(() => assertInStep(api, follower));
  });
});
