import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  type SimulatedKubernetes,
  type SimulatedKubernetesOptions,
  startKubernetesApi,
} from "../../src/simulation/kubernetes/kubernetes-api.ts";
import { eventually } from "../support/eventually.ts";
import { manualClock } from "../support/manual-clock.ts";

async function withServer(
  options: SimulatedKubernetesOptions,
  work: (api: SimulatedKubernetes) => Promise<void>,
): Promise<void> {
  const api = await startKubernetesApi(options);
  try {
    await work(api);
  } finally {
    await api.close();
  }
}

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: { readonly reason?: string; readonly message?: string; readonly items?: unknown[] };
}

async function ask(api: SimulatedKubernetes, path: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(api.url + path, init);
  return { status: response.status, headers: response.headers, body: (await response.json()) as Answer["body"] };
}

function node(name: string) {
  return { metadata: { name }, spec: {}, status: {} };
}

describe("simulated Kubernetes API: what is its own", () => {
  it("says in every answer that it is a simulation", () =>
    withServer({}, async (api) => {
      for (const path of ["/version", "/api/v1/nodes", "/nothing", "/api/v1/nodes/none"]) {
        assert.equal((await ask(api, path)).headers.get("x-lab-images-simulation"), "kubernetes-api");
      }
      assert.equal(await (await fetch(`${api.url}/readyz`)).text(), "ok");
    }));

  it("lets the demo and tests act on the cluster, and keeps a log of requests", () =>
    withServer({}, async (api) => {
      const made = api.putNode(node("a"));
      const again = api.putNode({ ...node("a"), status: { images: [] } });
      assert.equal(again.metadata.uid, made.metadata.uid);
      assert.notEqual(again.metadata.resourceVersion, made.metadata.resourceVersion);
      api.patchNode("a", { metadata: { labels: { b: "c" } } });
      assert.throws(() => api.patchNode("none", {}), /not found/);
      assert.equal(api.list("nodes")[0]?.metadata.labels?.["b"], "c");
      api.deleteNode("a");
      api.deleteNode("a");
      assert.equal((await ask(api, "/api/v1/nodes?limit=1")).body.items?.length, 0);
      assert.deepEqual(
        api.requests.map(({ method, target }) => [method, target]),
        [["GET", "/api/v1/nodes?limit=1"]],
      );
      for (let i = 0; i < 1_010; i += 1) await (await fetch(`${api.url}/version`)).arrayBuffer();
      assert.equal(api.requests.length, 1_000);
    }));

  it("hands requests to an interceptor, which may pass them on later", () =>
    withServer({}, async (api) => {
      api.intercept((_, response, pass) => {
        response.setHeader("x-late", "1");
        setImmediate(pass);
        return true;
      });
      assert.equal((await ask(api, "/version")).headers.get("x-late"), "1");
      api.intercept(null);
      assert.equal((await ask(api, "/version")).headers.get("x-late"), null);
    }));

  it("writes a kubeconfig with the first token", () =>
    withServer({ access: new Map([["secret", { user: "u", rules: [] }]]) }, async (api) => {
      assert.match(api.kubeconfig, /token: "secret"/);
      assert.match(api.kubeconfig, new RegExp(api.url));
    }));

  it("lists what it serves", () =>
    withServer({}, async (api) => {
      const core = (await ask(api, "/api/v1")).body as { resources?: { name: string }[] };
      assert.ok(core.resources?.some(({ name }) => name === "nodes"));
      const leases = (await ask(api, "/apis/coordination.k8s.io/v1")).body as { resources?: { name: string }[] };
      assert.deepEqual(
        leases.resources?.map(({ name }) => name),
        ["leases"],
      );
    }));
});

describe("simulated Kubernetes API: access", () => {
  const access = new Map([
    ["reader", { user: "reader", rules: [{ verbs: ["get", "list"], resources: ["nodes"] }] }],
    ["kubelet", { user: "kubelet", rules: [{ verbs: ["*"], resources: ["nodes/status"] }] }],
  ]);
  const as = (token: string, init: RequestInit = {}) => ({ ...init, headers: { authorization: `Bearer ${token}` } });

  it("answers 401 without a known token", () =>
    withServer({ access }, async (api) => {
      assert.equal((await ask(api, "/api/v1/nodes")).status, 401);
      assert.equal((await ask(api, "/api/v1/nodes", as("stranger"))).body.reason, "Unauthorized");
    }));

  it("answers 403 for what no rule allows, in the server's words", () =>
    withServer({ access }, async (api) => {
      api.putNode(node("a"));
      assert.equal((await ask(api, "/api/v1/nodes/a", as("reader"))).status, 200);
      const denied = await ask(api, "/api/v1/nodes/a", as("reader", { method: "DELETE" }));
      assert.equal(denied.status, 403);
      assert.equal(
        denied.body.message,
        'nodes "a" is forbidden: User "reader" cannot delete resource "nodes" in API group "" at the cluster scope',
      );
      const pods = await ask(api, "/api/v1/namespaces/default/pods", as("reader"));
      assert.match(String(pods.body.message), /^pods is forbidden.*in the namespace "default"$/);
      const status = as("kubelet", { method: "PUT", body: JSON.stringify({ metadata: { name: "a" }, status: {} }) });
      assert.equal((await ask(api, "/api/v1/nodes/a/status", status)).status, 200);
      assert.equal((await ask(api, "/api/v1/nodes/a", as("kubelet"))).status, 403);
    }));
});

describe("simulated Kubernetes API: requests that make no sense", () => {
  const cases: Readonly<Record<string, [string, RequestInit, number]>> = {
    "an unknown path": ["/apis/unknown/v1/things", {}, 404],
    "an unknown resource": ["/api/v1/gadgets", {}, 404],
    "a node in a namespace": ["/api/v1/namespaces/default/nodes", {}, 404],
    "an unknown subresource": ["/api/v1/nodes/a/scale", {}, 404],
    "a method that is not allowed": ["/api/v1/nodes", { method: "DELETE" }, 405],
    "a body that is no JSON": ["/api/v1/nodes", { method: "POST", body: "{" }, 400],
    "a body that is no object": ["/api/v1/nodes", { method: "POST", body: "7" }, 400],
    "a body of another kind": [
      "/api/v1/nodes",
      { method: "POST", body: '{"kind":"Pod","metadata":{"name":"a"}}' },
      400,
    ],
    "a body with another name": ["/api/v1/nodes/a", { method: "PUT", body: '{"metadata":{"name":"b"}}' }, 400],
    "a version in a create": [
      "/api/v1/nodes",
      { method: "POST", body: '{"metadata":{"name":"c","resourceVersion":"7"}}' },
      400,
    ],
    "another namespace in the body": [
      "/api/v1/namespaces/default/pods",
      { method: "POST", body: '{"metadata":{"name":"c","namespace":"kube-system"}}' },
      400,
    ],
    "a patch that is no object": [
      "/api/v1/nodes/a",
      { method: "PATCH", body: "[]", headers: { "content-type": "application/merge-patch+json" } },
      400,
    ],
    "a patch of another kind": [
      "/api/v1/nodes/a",
      { method: "PATCH", body: "{}", headers: { "content-type": "application/json-patch+json" } },
      415,
    ],
    "a limit that is no number": ["/api/v1/nodes?limit=x", {}, 400],
    "a token that is no object": ["/api/v1/nodes?continue=Nw", {}, 400],
    "a token with other fields": ["/api/v1/nodes?continue=e30", {}, 400],
    "a field selector that is none": ["/api/v1/nodes?fieldSelector=x", {}, 400],
    "a body that is too large": ["/api/v1/nodes", { method: "POST", body: "x".repeat(4 * 1024 * 1024) }, 413],
    "a uid that is another's": [
      "/api/v1/nodes/a",
      { method: "PUT", body: '{"metadata":{"name":"a","uid":"other"}}' },
      409,
    ],
    "a version that is another's": [
      "/api/v1/nodes/a",
      { method: "DELETE", body: '{"preconditions":{"resourceVersion":"7"}}' },
      409,
    ],
    "an exact version to come": ["/api/v1/nodes?resourceVersion=999999&resourceVersionMatch=Exact", {}, 410],
  };
  for (const [name, [path, init, status]] of Object.entries(cases)) {
    it(`refuses ${name} with ${status}`, () =>
      withServer({}, async (api) => {
        api.putNode(node("a"));
        assert.equal((await ask(api, path, init)).status, status);
      }));
  }
});

describe("simulated Kubernetes API: details of objects", () => {
  it("makes names from generateName, and labels of events by their namespace", () =>
    withServer({}, async (api) => {
      const body = JSON.stringify({ metadata: { generateName: "pull-" }, reason: "Pulled" });
      const made = await ask(api, "/api/v1/namespaces/default/events", { method: "POST", body });
      assert.equal(made.status, 201);
      const list = await ask(api, "/api/v1/namespaces/default/events?fieldSelector=metadata.namespace!=other");
      assert.match(JSON.stringify(list.body.items), /"pull-[0-9a-f]{5}".*"reason":"Pulled"/);
      assert.equal((await ask(api, "/api/v1/events?fieldSelector=status.phase=x")).body.items?.length, 0);
      assert.equal((await ask(api, "/api/v1/namespaces/kube-system/events")).body.items?.length, 0);
    }));

  it("merges lists by their keys in strategic patches, and deletes entries by directive", () =>
    withServer({}, async (api) => {
      const conditions = [
        { type: "A", status: "True" },
        { type: "B", status: "True" },
      ];
      api.putNode({ ...node("a"), status: { conditions } });
      const patch = {
        status: { conditions: [{ type: "A", $patch: "delete" }, { type: "Z", $patch: "delete" }, 7, { type: "C" }] },
      };
      await ask(api, "/api/v1/nodes/a/status", {
        method: "PATCH",
        body: JSON.stringify(patch),
        headers: { "content-type": "application/strategic-merge-patch+json" },
      });
      assert.deepEqual(api.list("nodes")[0]?.status?.["conditions"], [{ type: "B", status: "True" }, { type: "C" }]);
    }));

  it("taints by the conditions that a kubelet reports", () =>
    withServer({}, async (api) => {
      const conditions = [
        { type: "Ready", status: "Unknown" },
        { type: "DiskPressure", status: "True" },
        { type: "MemoryPressure", status: "False" },
      ];
      api.putNode({ ...node("a"), status: { conditions } });
      await eventually(() => {
        const taints = api.list("nodes")[0]?.spec?.["taints"] as unknown as { key: string }[] | undefined;
        assert.deepEqual(
          taints?.map(({ key }) => key),
          ["node.kubernetes.io/unreachable", "node.kubernetes.io/disk-pressure"],
        );
      });
    }));

  it("keeps a history that is long, not endless", () =>
    withServer({}, async (api) => {
      const first = api.putNode(node("a")).metadata.resourceVersion;
      for (let i = 0; i < 10_001; i += 1) api.putNode({ ...node("a"), status: { i } });
      const response = await fetch(`${api.url}/api/v1/nodes?watch=true&resourceVersion=${first}`);
      assert.match(await response.text(), /"type":"ERROR".*too old resource version/);
    }));
});

describe("simulated Kubernetes API: time", () => {
  it("dates objects, and sends bookmarks, by the clock it is given", async () => {
    const clock = manualClock();
    await withServer({ time: clock, bookmarkIntervalMs: 60_000 }, async (api) => {
      assert.equal(api.putNode(node("a")).metadata.creationTimestamp, "2077-10-23T00:00:00Z");
      const query = "watch=true&allowWatchBookmarks=true&timeoutSeconds=160&labelSelector=none";
      const response = await fetch(`${api.url}/api/v1/nodes?${query}`);
      assert.equal(api.watches, 1);
      await clock.advance(60_000);
      api.putNode(node("b"));
      await clock.advance(60_000);
      await clock.advance(40_000);
      const lines = (await response.text()).trim().split("\n");
      assert.deepEqual(
        lines.map((line) => (JSON.parse(line) as { type: string }).type),
        ["BOOKMARK", "BOOKMARK"],
      );
      await eventually(() => assert.equal(api.watches, 0));
      assert.equal(clock.pending, 0, "a watch that has ended leaves no timer");
    });
  });

  it("ends its watches on demand", () =>
    withServer({}, async (api) => {
      const response = await fetch(`${api.url}/api/v1/nodes?watch=1`);
      api.closeWatches();
      assert.equal(await response.text(), "");
    }));
});
