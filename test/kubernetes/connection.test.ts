import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { KubernetesUnavailableError } from "../../src/domain/errors.ts";
import { connectKubernetes, type KubernetesCall } from "../../src/kubernetes/client/connection.ts";
import { startKubernetesApi } from "../../src/simulation/kubernetes/kubernetes-api.ts";
import { machineTime } from "../../src/simulation/kubernetes/kubernetes-time.ts";
import { startCluster, temporaryFile } from "./node-fixture.ts";

const never = new AbortController().signal;

function call(more: Partial<KubernetesCall> = {}): KubernetesCall {
  return { what: "read the version", path: "/version", deadlineMs: 5_000, signal: never, ...more };
}

describe("connection: calls", () => {
  it("sends bodies with their media type, and query parameters", async () => {
    await using cluster = await startCluster();
    const { connection } = cluster.connected;
    const metadata = { name: "a" };
    const body = { apiVersion: "v1", kind: "Node", metadata };
    await connection.call(call({ method: "POST", path: "/api/v1/nodes", body }));
    const patch = { body: { metadata: { labels: { b: "c" } } }, contentType: "application/merge-patch+json" };
    await connection.call(call({ method: "PATCH", path: "/api/v1/nodes/a", ...patch }));
    const list = await connection.call(call({ path: "/api/v1/nodes", query: { labelSelector: "b in (c, d)" } }));
    assert.equal((list as { items: unknown[] }).items.length, 1);
  });

  it("names status and reason of a refusal, and keeps the server's text for the log", async () => {
    await using cluster = await startCluster();
    const missing = cluster.connected.connection.call(call({ what: "read a node", path: "/api/v1/nodes/none" }));
    await assert.rejects(missing, (error: unknown) => {
      assert.ok(error instanceof KubernetesUnavailableError);
      assert.equal(error.message, "cannot read a node: the Kubernetes API answers 404 NotFound");
      assert.deepEqual([(error.cause as Error).message], ['nodes "none" not found']);
      return true;
    });
  });

  it("tries a read once more on a reset connection, and a write not", async () => {
    await using cluster = await startCluster();
    const { api, connected } = cluster;
    let resets = 0;
    api.intercept((request) => {
      if (resets > 0 && request.method === "GET") return false;
      resets += 1;
      request.socket.resetAndDestroy();
      return true;
    });
    await connected.connection.call(call());
    await assert.rejects(connected.connection.call(call({ method: "POST", body: {} })), /connection .* failed \(/);
    assert.equal(resets, 2);
  });

  it("refuses answers over its limit", async () => {
    await using cluster = await startCluster({ connectionLimits: { maxAnswerBytes: 10 } });
    await assert.rejects(cluster.connected.connection.call(call()), /more than 10 bytes/);
  });

  it("knows a refusal by its status, however long its page is", async () => {
    await using cluster = await startCluster({ connectionLimits: { maxErrorBytes: 1_000 } });
    const { api, connected } = cluster;
    const page = "<html>".padEnd(500_000, "x");
    const statuses = [410, 403, 503];
    api.intercept((_, response) => {
      const status = statuses.shift() ?? 200;
      response.writeHead(status, { "content-type": status === 200 ? "application/json" : "text/html" });
      response.end(status === 200 ? "{}" : page);
      return true;
    });
    const { connection } = connected;
    await assert.rejects(connection.call(call()), { message: /answers 410$/, status: 410 });
    await assert.rejects(connection.call(call()), { message: /does not allow our account .* \(403\)$/, status: 403 });
    await assert.rejects(connection.call(call()), { message: /answers 503$/, status: 503 });
    assert.deepEqual(await connection.call(call()), {});
  });

  it("waits for Retry-After on any 5xx, and not where that would end past the deadline", async () => {
    await using cluster = await startCluster();
    const { api, connected } = cluster;
    const times: number[] = [];
    api.intercept((_, response) => {
      times.push(performance.now());
      response.writeHead(504, { "retry-after": "1" }).end();
      return true;
    });
    const tried = connected.connection.call(call({ deadlineMs: 1_800 }));
    await assert.rejects(tried, { message: /answers 504$/, retryAfterMs: 1_000 });
    assert.equal(times.length, 2);
    assert.ok(Number(times[1]) - Number(times[0]) >= 990);
  });

  it("writes again after Retry-After only where the first writing was left undone", async () => {
    await using cluster = await startCluster();
    const { api, connected } = cluster;
    const statuses = [503, 429, 200, 504];
    api.intercept((_, response) => {
      const headers = { "retry-after": "0", "content-type": "application/json" };
      response.writeHead(statuses.shift() ?? 500, headers).end("{}");
      return true;
    });
    const write = call({ method: "POST", body: {} });
    assert.deepEqual(await connected.connection.call(write), {});
    await assert.rejects(connected.connection.call(write), { message: /answers 504$/ });
    assert.deepEqual(statuses, []);
  });

  it("is unavailable where nobody listens", async () => {
    const api = await startKubernetesApi();
    await api.close();
    await using file = await temporaryFile("kubeconfig", api.kubeconfig);
    const connection = connectKubernetes({ kubeconfig: file.path, clock: machineTime });
    await assert.rejects(connection.call(call()), {
      message: "cannot read the version: the connection to the Kubernetes API failed (ECONNREFUSED)",
    });
    await connection.close();
  });

  it("rejects with the caller's reason, before and during a call", async () => {
    await using cluster = await startCluster();
    const { connection } = cluster.connected;
    const stop = new AbortController();
    const reason = new Error("never mind");
    cluster.api.intercept(() => {
      stop.abort(reason);
      return true;
    });
    await assert.rejects(connection.call(call({ signal: stop.signal })), reason);
    await assert.rejects(connection.call(call({ signal: stop.signal })), reason);
    await assert.rejects(connection.open(call({ signal: stop.signal })), reason);
  });

  it("bounds the time until a stream begins, and not its life", async () => {
    await using cluster = await startCluster({ api: { bookmarkIntervalMs: 30 } });
    const { api, connected } = cluster;
    const query = { watch: "true", allowWatchBookmarks: "true" };
    const watch = call({ what: "watch nodes", path: "/api/v1/nodes", query, deadlineMs: 500 });
    const stream = await connected.connection.open(watch);
    api.putNode({ metadata: { name: "a" } });
    const started = performance.now();
    await assert.rejects(async () => {
      for await (const _ of stream.chunks) if (performance.now() - started > 700) stream.close();
    });
    assert.ok(performance.now() - started > 700);
    api.intercept(() => true);
    await assert.rejects(
      connected.connection.open(watch),
      /cannot watch nodes: the Kubernetes API timed out after 0.5 s/,
    );
  });
});
