import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { CoreV1Api, KubeConfig, type V1Node, type V1NodeList, type V1Taint } from "@kubernetes/client-node";
import { eventually } from "../support/eventually.ts";
import { PATCH, type WatchEvent } from "./api-client.ts";
import { findControlPlaneBinaries } from "./binaries.ts";
import { type ControlPlane, startControlPlane } from "./control-plane.ts";
import { pollUntil } from "./poll.ts";

const NODES = "/api/v1/nodes";

/** A service account that may read nodes and nothing else, as three documents. */
const NODE_READER = `
apiVersion: v1
kind: ServiceAccount
metadata: { name: node-reader, namespace: default }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: { name: node-reader }
rules:
  - { apiGroups: [""], resources: [nodes], verbs: [get, list, watch] }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: node-reader }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: node-reader }
subjects:
  - { kind: ServiceAccount, name: node-reader, namespace: default }
`;

const lookup = await findControlPlaneBinaries();
const skip = lookup.available ? false : `did not run: ${lookup.reason}`;

describe("a real control plane", { skip }, () => {
  let plane: ControlPlane;
  let stop = async (): Promise<void> => undefined;

  before(async () => {
    plane = await startControlPlane();
    stop = plane.stop;
  });

  after(() => stop());

  async function createNode(name: string): Promise<V1Node> {
    await plane.api.request("POST", NODES, { body: { apiVersion: "v1", kind: "Node", metadata: { name } } });
    const status = {
      conditions: [{ type: "Ready", status: "True", reason: "KubeletReady" }],
      images: [{ names: [`registry.test/lab@sha256:${"a".repeat(64)}`, "registry.test/lab:w_1"], sizeBytes: 42 }],
    };
    return patchNode(`${name}/status`, { status });
  }

  function patchNode(path: string, body: unknown): Promise<V1Node> {
    return plane.api.request("PATCH", `${NODES}/${path}`, { body, contentType: PATCH.strategic });
  }

  async function taintsOf(node: string): Promise<V1Taint[]> {
    const { spec } = await plane.api.request<V1Node>("GET", `${NODES}/${node}`);
    return spec?.taints ?? [];
  }

  test("keeps the images that a node reports through its status", async () => {
    await createNode("reporting");
    const { status } = await plane.api.request<V1Node>("GET", `${NODES}/reporting`);
    assert.equal(status?.images?.[0]?.sizeBytes, 42);
    assert.equal(status?.images?.[0]?.names?.length, 2);
  });

  test("takes the not-ready taint off a node that says it is ready", async () => {
    await createNode("ready");
    await pollUntil("the taints to go", async () => (await taintsOf("ready")).length === 0);
  });

  test("taints a cordoned node", async () => {
    await createNode("cordoned");
    await patchNode("cordoned", { spec: { unschedulable: true } });
    const taint = await pollUntil("the taint", async () =>
      (await taintsOf("cordoned")).find(({ key }) => key === "node.kubernetes.io/unschedulable"),
    );
    assert.equal(taint.effect, "NoSchedule");
  });

  test("gives a service account what its role says and nothing else", async () => {
    await plane.apply(NODE_READER);
    await plane.apply(NODE_READER);
    const client = plane.clientFor(await plane.serviceAccountToken("default", "node-reader"));
    try {
      await client.request("GET", NODES);
      await assert.rejects(client.request("GET", "/api/v1/pods"), { status: 403, reason: "Forbidden" });
      await assert.rejects(client.request("DELETE", `${NODES}/reporting`), { status: 403 });
    } finally {
      await client.close();
    }
  });

  test("serves the Kubernetes client by a service account's kubeconfig", async () => {
    await plane.apply(NODE_READER);
    await createNode("listed");
    const config = new KubeConfig();
    config.loadFromFile(await plane.kubeconfigForServiceAccount("default", "node-reader"));
    const { items } = await config.makeApiClient(CoreV1Api).listNode();
    assert.ok(items.some(({ metadata }) => metadata?.name === "listed"));
  });

  test("refuses a token that nobody issued", async () => {
    const client = plane.clientFor("made-up");
    await assert.rejects(client.request("GET", NODES), { status: 401 });
    await client.close();
  });

  test("pages through a list", async () => {
    const names = ["page-1", "page-2", "page-3"];
    await Promise.all(names.map(createNode));
    const seen: string[] = [];
    let token: string | undefined = "";
    while (token !== undefined) {
      const path = `${NODES}?limit=2&continue=${encodeURIComponent(token)}`;
      const page: V1NodeList = await plane.api.request("GET", path);
      assert.ok(page.items.length <= 2);
      seen.push(...page.items.flatMap(({ metadata }) => metadata?.name ?? []));
      token = continueOf(page);
    }
    assert.deepEqual(
      names.filter((name) => !seen.includes(name)),
      [],
    );
    assert.equal(new Set(seen).size, seen.length);
  });

  test("answers 410 to a continue token whose history is gone", async () => {
    await Promise.all(["history-1", "history-2"].map(createNode));
    const page = await plane.api.request<V1NodeList>("GET", `${NODES}?limit=1`);
    await plane.expireHistory();
    const path = `${NODES}?limit=1&continue=${encodeURIComponent(continueOf(page) ?? "")}`;
    await assert.rejects(plane.api.request("GET", path), { status: 410, reason: "Expired" });
  });

  test("watches with bookmarks", async () => {
    const { metadata } = await plane.api.request<V1NodeList>("GET", `${NODES}?limit=1`);
    const query = `watch=1&allowWatchBookmarks=true&timeoutSeconds=4&resourceVersion=${metadata?.resourceVersion}`;
    const events = plane.api.watch(`${NODES}?${query}`, AbortSignal.timeout(30_000));
    const created = createNode("watched");
    const types = new Set<string>();
    for await (const { type, object } of events) {
      const isBookmark = type === "BOOKMARK";
      if (isBookmark || (object as V1Node).metadata?.name === "watched") {
        types.add(type);
      }
      if (isBookmark) {
        break;
      }
    }
    await created;
    assert.deepEqual([...types], ["ADDED", "MODIFIED", "BOOKMARK"]);
  });

  test("admits a pod to a new namespace, under its default service account", async () => {
    const namespace = "/api/v1/namespaces/fresh";
    await plane.apply("apiVersion: v1\nkind: Namespace\nmetadata: { name: fresh }\n");
    await pollUntil("the account", () => plane.api.request("GET", `${namespace}/serviceaccounts/default`));
    const spec = { nodeName: "reporting", containers: [{ name: "lab", image: "registry.test/lab:w_1" }] };
    const body = { apiVersion: "v1", kind: "Pod", metadata: { name: "prepull" }, spec };
    const pod = await plane.api.request<{ spec: { serviceAccountName: string } }>("POST", `${namespace}/pods`, {
      body,
    });
    assert.equal(pod.spec.serviceAccountName, "default");
  });

  test("collects what a deleted owner leaves", async () => {
    const maps = "/api/v1/namespaces/default/configmaps";
    const create = (metadata: object) =>
      plane.api.request<{ metadata: { uid: string } }>("POST", maps, { body: { kind: "ConfigMap", metadata } });
    const { uid } = (await create({ name: "owner" })).metadata;
    const owner = { apiVersion: "v1", kind: "ConfigMap", name: "owner", uid };
    await create({ name: "dependent", ownerReferences: [owner] });
    await plane.api.request("DELETE", `${maps}/owner`);
    await pollUntil("the dependent to go", async () => {
      const { items } = await plane.api.request<{ items: { metadata: { name: string } }[] }>("GET", maps);
      return items.every(({ metadata }) => metadata.name !== "dependent");
    });
  });

  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    test(`keeps its nodes over a restart of the API server by ${signal}`, async () => {
      const name = `kept-${signal.toLowerCase()}`;
      const { metadata } = await createNode(name);
      await plane.restartApiServer(signal);
      const node = await plane.api.request<V1Node>("GET", `${NODES}/${name}`);
      assert.equal(node.metadata?.uid, metadata?.uid);
    });
  }

  test("ends a watch from before a restart with a 410", async () => {
    const { metadata } = await createNode("before-restart");
    await patchNode("before-restart", { metadata: { labels: { changed: "yes" } } });
    await plane.restartApiServer();
    const query = `watch=1&resourceVersion=${metadata?.resourceVersion}`;
    const events: WatchEvent[] = [];
    for await (const event of plane.api.watch(`${NODES}?${query}`, AbortSignal.timeout(30_000))) {
      events.push(event);
    }
    assert.deepEqual(
      events.map(({ type, object }) => [type, (object as { code: number }).code]),
      [["ERROR", 410]],
    );
  });

  test("has working controllers after they were restarted", async () => {
    await createNode("cordoned-late");
    await plane.restartControllers();
    await patchNode("cordoned-late", { spec: { unschedulable: true } });
    await pollUntil("the taint", async () =>
      (await taintsOf("cordoned-late")).some(({ key }) => key === "node.kubernetes.io/unschedulable"),
    );
  });

  test("answers nothing while paused, and again when resumed", async () => {
    plane.pauseApiServer();
    try {
      // A signal to stop reaches the server's threads a moment later.
      await eventually(() => {
        const signal = AbortSignal.timeout(500);
        return assert.rejects(plane.api.request("GET", NODES, { signal }), { name: "TimeoutError" });
      });
    } finally {
      plane.resumeApiServer();
    }
    await plane.api.request("GET", NODES);
  });
});

/** The wire's name of what the client's model calls `_continue`. */
function continueOf(list: V1NodeList): string | undefined {
  return (list.metadata as { continue?: string } | undefined)?.continue;
}
