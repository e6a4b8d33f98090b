import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { describe, it } from "node:test";
import { createNodeSource } from "../../src/kubernetes/nodes/node-source.ts";
import type { Logger } from "../../src/ports.ts";
import { machineTime } from "../../src/simulation/kubernetes/kubernetes-time.ts";
import { eventually } from "../support/eventually.ts";
import {
  answerWatches,
  assertInStep,
  type Cluster,
  followNodes,
  listRequests,
  nodeObject,
  shortLimits,
  silentLogger,
  startCluster,
  watchRequests,
} from "./node-fixture.ts";

const json = { "content-type": "application/json" };

/** Resets the open watch `times` times, each after it has been open for so long. */
async function resetEach({ api, proxy }: Cluster, times: number, openMs: number): Promise<void> {
  for (let i = 0; i < times; i += 1) {
    let since = Number.POSITIVE_INFINITY;
    await eventually(
      () => {
        if (api.watches === 1) since = Math.min(since, performance.now());
        else since = Number.POSITIVE_INFINITY;
        assert.ok(performance.now() - since >= openMs);
      },
      { withinMs: 5_000 },
    );
    proxy.cutAll();
    await eventually(() => assert.equal(api.watches, 0));
  }
}

describe("node watch (what follows from how a watch has ended)", () => {
  it("does not back off further where each watch is reset after a long life, nor call that a failure", async () => {
    const backoff = { initialMs: 10, maxMs: 600_000, resetAfterMs: 600_000 };
    await using cluster = await startCluster({ limits: { backoff, watch: { longLifeMs: 30, stableMs: 5 } } });
    const { api, connected } = cluster;
    const follower = connected.follow();
    await follower.list();
    // The delay before the twelfth watch would be 20 s, had each been a failure.
    await resetEach(cluster, 12, 40);
    api.putNode(nodeObject("node-a", [1]));
    await eventually(() => assertInStep(api, follower));
    assert.deepEqual(follower.health, [null]);
    assert.equal(follower.relists, 0);
  });

  it("reports a reset after a long life as soon as no new watch can be had", async () => {
    await using cluster = await startCluster({ limits: { ...shortLimits, watch: { longLifeMs: 30, stableMs: 5 } } });
    const { api, proxy, connected } = cluster;
    const follower = connected.follow();
    await follower.list();
    await eventually(() => assert.deepEqual(follower.health, [null]));
    proxy.setFault({ kind: "refuse" });
    await resetEach(cluster, 1, 40);
    await eventually(() => assert.match(String(follower.health.at(-1)), /connection to the Kubernetes API failed/));
    proxy.setFault(null);
    await eventually(() => assert.equal(follower.health.at(-1), null));
    api.putNode(nodeObject("node-a", [1]));
    await eventually(() => assertInStep(api, follower));
  });

  it("keeps to the first delay where quiet watches are closed after a while", async () => {
    const backoff = { initialMs: 10, maxMs: 600_000, resetAfterMs: 600_000 };
    await using cluster = await startCluster({ limits: { backoff, watch: { stableMs: 20, longLifeMs: 60_000 } } });
    const { api, connected } = cluster;
    const follower = connected.follow();
    await follower.list();
    for (let i = 1; i <= 12; i += 1) {
      await eventually(() => assert.ok(watchRequests(api).length >= i), { withinMs: 5_000 });
      await eventually(() => assert.equal(api.watches, 1));
      const opened = performance.now();
      await eventually(() => assert.ok(performance.now() - opened > 40));
      api.closeWatches();
    }
    assert.deepEqual(follower.health, [null]);
  });

  it("says so where every watch is closed at once, and when that is over", async () => {
    await using cluster = await startCluster();
    const { api, connected } = cluster;
    answerWatches(api, Number.POSITIVE_INFINITY, (response) => response.writeHead(200, json).end());
    const follower = connected.follow();
    await follower.list();
    await eventually(() => assert.match(String(follower.health[0]), /^cannot watch nodes: .* keeps ending/));
    assert.ok(watchRequests(api).length >= 5);
    api.intercept(null);
    await eventually(() => assert.equal(follower.health.at(-1), null));
    assert.equal(follower.health.length, 2);
  });

  it("says so where every version is expired, and when that is over", async () => {
    await using cluster = await startCluster();
    const { api, connected } = cluster;
    answerWatches(api, Number.POSITIVE_INFINITY, (response) => response.writeHead(410, json).end('{"reason":"Gone"}'));
    const follower = connected.follow();
    await follower.list();
    await eventually(() => assert.match(String(follower.health[0]), /cannot watch nodes: .* answers 410/));
    api.intercept(null);
    await eventually(() => assert.equal(follower.health.at(-1), null));
    assert.equal(follower.health.length, 2);
  });

  for (const reason of ["Expired", "Gone"]) {
    it(`takes an ERROR event for an expired version by its reason alone (${reason})`, async () => {
      await using cluster = await startCluster();
      const { api, connected } = cluster;
      api.putNode(nodeObject("node-a", [1]));
      answerWatches(api, 1, (response: ServerResponse) =>
        response.writeHead(200, json).end(`{"type":"ERROR","object":{"kind":"Status","reason":"${reason}"}}\n`),
      );
      const follower = connected.follow();
      await follower.list();
      await eventually(() => assert.equal(listRequests(api).length, 2));
      await eventually(() => assert.equal(api.watches, 1));
      assert.equal(watchRequests(api).length, 2, "at once, and once");
    });
  }

  it("waits before the next watch as long as the server asks it to, within bounds", async () => {
    const backoff = { initialMs: 10, maxMs: 600, resetAfterMs: 60_000 };
    await using cluster = await startCluster({ limits: { ...shortLimits, backoff } });
    const { api, connected } = cluster;
    const seconds = ["1", "86400"];
    answerWatches(api, 2, (response) => response.writeHead(429, { "retry-after": seconds.shift() }).end());
    const follower = connected.follow();
    await follower.list();
    await eventually(() => assert.equal(api.watches, 1));
    const times = watchRequests(api).map(({ time }) => time);
    const gaps = times.slice(1).map((time, at) => time - Number(times[at]));
    assert.equal(gaps.length, 2);
    assert.ok(Number(gaps[0]) >= 990, `asked for a second: ${gaps}`);
    // A day is cut to the longest delay of our own, with its jitter.
    assert.ok(Number(gaps[1]) >= 1_190 && Number(gaps[1]) < 10_000, `asked for a day: ${gaps}`);
  });

  it("ends a watch that the server does not end when its time is over", async () => {
    const watch = { minTimeoutSeconds: 0, maxTimeoutSeconds: 0, overrunMs: 100, longLifeMs: 50 };
    await using cluster = await startCluster({ limits: { watch } });
    const { api, connected } = cluster;
    const closed: Promise<unknown>[] = [];
    answerWatches(api, 2, (response) => {
      response.writeHead(200, json);
      const bookmark = '{"type":"BOOKMARK","object":{"kind":"Node","metadata":{"resourceVersion":"1"}}}\n';
      const beat = setInterval(() => response.write(bookmark), 10);
      closed.push(new Promise((resolve) => response.once("close", resolve)).then(() => clearInterval(beat)));
    });
    const follower = connected.follow();
    await follower.list();
    await eventually(() => assert.ok(watchRequests(api).length >= 3));
    await Promise.all(closed);
    assert.deepEqual(follower.health, [null]);
  });
});

describe("node watch (followers and loggers that break)", () => {
  it("goes on, and so does the process, when a follower throws at every call", async () => {
    await using cluster = await startCluster({ limits: { ...shortLimits, watch: { stableMs: 5 } } });
    const { api, connected } = cluster;
    const told: string[] = [];
    const broken = (what: string) => {
      told.push(what);
      throw new Error("the follower is broken");
    };
    const listener = {
      changed: () => broken("changed"),
      health: (error: Error | null) => broken(error === null ? "works" : "does not work"),
      relistNeeded: () => broken("relist"),
    };
    connected.source.follow(listener, connected.signal);
    const nothing = () => undefined;
    await connected.source.list(nothing, nothing, connected.signal);
    await eventually(() => assert.deepEqual(told, ["works"]));
    answerWatches(api, 1, (response) => response.writeHead(500).end());
    api.closeWatches();
    await eventually(() => assert.deepEqual(told, ["works", "does not work", "works"]));
    api.putNode(nodeObject("node-a", [1]));
    await eventually(() => assert.deepEqual(told.slice(3), ["changed", "relist"]));
  });

  it("goes on when its logger throws", async () => {
    await using cluster = await startCluster();
    const { api, connected } = cluster;
    let throws = 0;
    const warn = () => {
      throws += 1;
      throw new Error("the logger is broken");
    };
    const logger: Logger = { ...silentLogger, warn, child: () => logger };
    const { connection, signal } = connected;
    const options = {
      connection,
      nodeSelector: {},
      labelKeys: [],
      clock: machineTime,
      random: () => 0.5,
      limits: shortLimits,
    };
    const source = createNodeSource({ ...options, logger });
    answerWatches(api, 1, (response) => response.writeHead(500).end());
    const follower = followNodes(source, signal);
    await follower.list();
    await eventually(() => assert.equal(api.watches, 1));
    assert.equal(throws, 1);
    api.putNode(nodeObject("node-a", [1]));
    await eventually(() => assertInStep(api, follower));
  });
});
