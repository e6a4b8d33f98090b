import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { describe, it } from "node:test";
import { KubernetesDeniedError, KubernetesUnavailableError } from "../../src/domain/errors.ts";
import type { SimulatedKubernetes } from "../../src/simulation/kubernetes/kubernetes-api.ts";
import { eventually } from "../support/eventually.ts";
import { assertInStep, listRequests, nodeObject, startCluster } from "./node-fixture.ts";

/** Answers lists instead of the server: all, or only further pages. */
function answerLists(
  api: SimulatedKubernetes,
  which: "all" | "further pages",
  times: number,
  answer: (response: ServerResponse, request: IncomingMessage) => void,
): void {
  let left = times;
  api.intercept((request, response) => {
    const url = request.url ?? "";
    if (url.includes("watch=true") || left === 0) return false;
    if (which === "further pages" && !url.includes("continue=")) return false;
    left -= 1;
    answer(response, request);
    return true;
  });
}

function fill(api: SimulatedKubernetes, count: number): void {
  for (let i = 0; i < count; i += 1) api.putNode(nodeObject(`node-${i}`, [i]));
}

describe("node list (K3: expired continue tokens)", () => {
  it("starts over once, and is right", async () => {
    await using cluster = await startCluster();
    const { api, connected } = cluster;
    fill(api, 7);
    answerLists(api, "further pages", 1, (response) => {
      api.intercept(null);
      api.deleteNode("node-0");
      api.expireHistory();
      response.writeHead(410, { "content-type": "application/json" }).end('{"kind":"Status","reason":"Expired"}');
    });
    const follower = connected.follow();
    await follower.list();
    assert.equal(follower.restarts, 1);
    assert.equal(listRequests(api).length, 2);
    assertInStep(api, follower);
  });

  it("gives up where every token is expired", async () => {
    await using cluster = await startCluster();
    const { api, connected } = cluster;
    fill(api, 7);
    answerLists(api, "further pages", Number.POSITIVE_INFINITY, (response) =>
      response.writeHead(410, { "content-type": "application/json" }).end('{"kind":"Status","reason":"Expired"}'),
    );
    const follower = connected.follow();
    await assert.rejects(follower.list(), /cannot list nodes: the Kubernetes API answers 410 Expired/);
    assert.equal(listRequests(api).length, 3);
  });
});

describe("node list (K4: failing lists)", () => {
  const failures: Readonly<Record<string, [(response: ServerResponse) => void, RegExp]>> = {
    "a 503": [
      (response) => response.writeHead(503).end("overloaded"),
      /^cannot list nodes: the Kubernetes API answers 503$/,
    ],
    "an HTML page": [
      (response) => response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end("<html>login</html>"),
      /^cannot list nodes: unexpected response: expected application\/json, found text\/html$/,
    ],
    "another object": [
      (response) => response.writeHead(200, { "content-type": "application/json" }).end('{"kind":"PodList"}'),
      /unexpected response: expected a NodeList$/,
    ],
    "broken JSON": [
      (response) => response.writeHead(200, { "content-type": "application/json" }).end('{"kind":"NodeList",'),
      /unexpected response: invalid JSON$/,
    ],
    "a node without a name": [
      (response) =>
        response
          .writeHead(200, { "content-type": "application/json" })
          .end('{"kind":"NodeList","metadata":{"resourceVersion":"7"},"items":[{}]}'),
      /unexpected response: a node without name or uid$/,
    ],
    "no media type": [
      (response) => response.writeHead(200).end("?"),
      /unexpected response: expected application\/json, found no media type$/,
    ],
  };
  for (const [name, [answer, message]] of Object.entries(failures)) {
    it(`rejects for ${name}, and heals`, async () => {
      await using cluster = await startCluster();
      const { api, connected } = cluster;
      fill(api, 2);
      answerLists(api, "all", 1, answer);
      const follower = connected.follow();
      await assert.rejects(follower.list(), (error) => {
        assert.ok(error instanceof KubernetesUnavailableError);
        assert.match(error.message, message);
        return true;
      });
      await follower.list();
      assertInStep(api, follower);
    });
  }

  it("waits as long as Retry-After says", async () => {
    await using cluster = await startCluster({ limits: { list: { pageMs: 5_000 } } });
    const { api, connected } = cluster;
    fill(api, 2);
    answerLists(api, "all", 1, (response) => response.writeHead(429, { "retry-after": "1" }).end());
    const follower = connected.follow();
    await follower.list();
    const [first, second] = listRequests(api);
    assert.ok(first !== undefined && second !== undefined && second.time - first.time >= 990);
    assertInStep(api, follower);
  });

  it("does not wait for a Retry-After beyond its deadline, nor for ever", async () => {
    await using cluster = await startCluster();
    const { api, connected } = cluster;
    answerLists(api, "all", 1, (response) => response.writeHead(429, { "retry-after": "3600" }).end());
    const follower = connected.follow();
    await assert.rejects(follower.list(), /answers 429$/);
    answerLists(api, "all", 9, (response) => response.writeHead(429, { "retry-after": "0" }).end());
    await assert.rejects(follower.list(), /answers 429$/);
    assert.equal(api.requests.length, 5);
  });

  for (const kind of ["half-open", "drip"] as const) {
    it(`is bounded in time on a connection that is ${kind}`, async () => {
      await using cluster = await startCluster({ limits: { list: { pageMs: 500 } } });
      const { api, connected, proxy } = cluster;
      fill(api, 2);
      proxy.setFault(kind === "drip" ? { kind, bytesPerSecond: 50 } : { kind });
      const follower = connected.follow();
      await assert.rejects(follower.list(), /the Kubernetes API timed out after 0.5 s/);
      proxy.setFault(null);
      await follower.list();
      assertInStep(api, follower);
    });
  }

  it("rejects for an answer that is cut off, and goes back to the watch as it was", async () => {
    await using cluster = await startCluster();
    const { api, connected } = cluster;
    fill(api, 7);
    const follower = connected.follow();
    await follower.list();
    await eventually(() => assert.equal(api.watches, 1));
    answerLists(api, "further pages", 1, (response) => {
      api.putNode(nodeObject("node-7", [7]));
      response.writeHead(500).end();
    });
    await assert.rejects(follower.list(), /answers 500$/);
    await eventually(() => assertInStep(api, follower));
  });

  for (const [name, body, message] of [
    ["is another object", '{"kind":"Status","status":"Success"}', /expected a NodeList$/],
    ["is empty", "{}", /expected a NodeList$/],
    ["has no items", '{"kind":"NodeList","metadata":{"resourceVersion":"7"}}', /a NodeList without items$/],
  ] as const) {
    it(`rejects where a later page ${name}, and loses no node by it`, async () => {
      await using cluster = await startCluster();
      const { api, connected } = cluster;
      fill(api, 7);
      const follower = connected.follow();
      await follower.list();
      answerLists(api, "further pages", 1, (response) =>
        response.writeHead(200, { "content-type": "application/json" }).end(body),
      );
      await assert.rejects(follower.list(), message);
      assertInStep(api, follower);
    });
  }

  it("rejects with the caller's reason", async () => {
    await using cluster = await startCluster();
    const stop = new AbortController();
    const reason = new Error("the refresh is cancelled");
    cluster.api.intercept(() => {
      stop.abort(reason);
      return true;
    });
    const list = cluster.connected.source.list(
      () => undefined,
      () => undefined,
      stop.signal,
    );
    await assert.rejects(list, reason);
  });

  it("refuses endless and repeating lists", async () => {
    await using cluster = await startCluster({ limits: { list: { maxPages: 4, pageMs: 5_000 } } });
    const { api, connected } = cluster;
    let page = 0;
    const answer = (next: () => string) => (response: ServerResponse) => {
      const body = { kind: "NodeList", metadata: { resourceVersion: "7", continue: next() }, items: null };
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body));
    };
    const follower = connected.follow();
    answerLists(
      api,
      "all",
      99,
      answer(() => `token-${page++}`),
    );
    await assert.rejects(follower.list(), /more than 4 pages/);
    answerLists(
      api,
      "all",
      99,
      answer(() => "token"),
    );
    await assert.rejects(follower.list(), /repeats a page/);
  });

  it("shows later pages no older than what the watch has reported meanwhile", async () => {
    await using cluster = await startCluster();
    const { api, connected } = cluster;
    fill(api, 7);
    const follower = connected.follow();
    let told = false;
    api.intercept((request, response, pass) => {
      if (told || !request.url?.includes("continue=")) return false;
      told = true;
      // The watch has begun with the first page; these changes reach the follower before the second page.
      api.deleteNode("node-6");
      api.putNode(nodeObject("node-5", [55]));
      eventually(() => assert.ok(follower.batches.flat().length >= 2)).then(pass, () => response.destroy());
      return true;
    });
    await follower.list();
    assert.ok(told);
    assertInStep(api, follower);
  });
});

describe("node list (credentials that are refused)", () => {
  const access = new Map([["right", { user: "lab", rules: [{ verbs: ["list"], resources: ["pods"] }] }]]);

  it("is a KubernetesDeniedError for 403, without the server's text", async () => {
    await using cluster = await startCluster({ api: { access } });
    await assert.rejects(cluster.connected.follow().list(), (error) => {
      assert.ok(error instanceof KubernetesDeniedError);
      assert.equal(error.message, "the Kubernetes API does not allow our account to list nodes (403 Forbidden)");
      assert.match(String((error.cause as Error).message), /User "lab" cannot list resource "nodes"/);
      return true;
    });
  });

  it("is a KubernetesDeniedError for 401, after one more try", async () => {
    await using cluster = await startCluster({ api: { access } });
    const { api, connected } = cluster;
    api.intercept((_, response) => {
      response.writeHead(401).end();
      return true;
    });
    await assert.rejects(connected.follow().list(), KubernetesDeniedError);
    assert.equal(api.requests.length, 2);
  });
});
