import assert from "node:assert/strict";
import { it } from "node:test";
import { eventually } from "../support/eventually.ts";
import { PATCH } from "./api-client.ts";
import {
  type AList,
  type AnObject,
  createNodes,
  IMAGES,
  makeReady,
  NODES,
  refusal,
  type Subject,
  settledNode,
  testId,
} from "./kubernetes-peer.contract.ts";

/** Writes: conflicts, the status subresource, patches, preconditions. */
export function defineWrites({ peer }: Subject): void {
  it("refuses a second object of a name, and reads of one that is not there", async () => {
    const { api } = peer();
    const test = testId();
    await createNodes(api, test, 1);
    await assert.rejects(createNodes(api, test, 1), refusal(409, "AlreadyExists"));
    await assert.rejects(api.request("GET", `${NODES}/${test}-9`), refusal(404, "NotFound"));
    await assert.rejects(api.request("DELETE", `${NODES}/${test}-9`), refusal(404, "NotFound"));
    const invalid = { kind: "Node", apiVersion: "v1", metadata: { name: "Not_A_Name" } };
    await assert.rejects(api.request("POST", NODES, { body: invalid }), refusal(422, "Invalid"));
  });

  it("refuses an update that builds on an old version", async () => {
    const { api } = peer();
    const test = testId();
    await createNodes(api, test, 1);
    const path = `${NODES}/${test}-0`;
    // The controllers write to a new node, too, so what was just read may be old already.
    const { old, changed } = await eventually(async () => {
      const read = await api.request<AnObject>("GET", path);
      const body = { ...read, metadata: { ...read.metadata, labels: { test, a: "1" } } };
      const updated = await api.request<AnObject>("PUT", path, { body });
      assert.equal(updated.metadata.labels?.["a"], "1");
      assert.notEqual(updated.metadata.resourceVersion, read.metadata.resourceVersion);
      return { old: read, changed: body };
    });
    await assert.rejects(api.request("PUT", path, { body: changed }), refusal(409, "Conflict"));
    const patch = { body: { metadata: { resourceVersion: old.metadata.resourceVersion } }, contentType: PATCH.merge };
    await assert.rejects(api.request("PATCH", path, patch), refusal(409, "Conflict"));
  });

  it("leaves the version alone where a write changes nothing", async () => {
    const { api } = peer();
    const test = testId();
    await createNodes(api, test, 1);
    await eventually(async () => {
      const node = await api.request<AnObject>("GET", `${NODES}/${test}-0`);
      const patch = { body: { metadata: { labels: { test } } }, contentType: PATCH.merge };
      const same = await api.request<AnObject>("PATCH", `${NODES}/${test}-0`, patch);
      assert.equal(same.metadata.resourceVersion, node.metadata.resourceVersion);
    });
  });

  it("writes status through its subresource alone, and nothing else through that", async () => {
    const { api } = peer();
    const test = testId();
    await createNodes(api, test, 1);
    const path = `${NODES}/${test}-0`;
    const body = { spec: { unschedulable: true }, status: { images: IMAGES } };
    const main = await api.request<AnObject>("PATCH", path, {
      body: { status: body.status },
      contentType: PATCH.merge,
    });
    assert.deepEqual(main.status?.images ?? [], []);
    const sub = await api.request<AnObject>("PATCH", `${path}/status`, { body, contentType: PATCH.strategic });
    assert.equal(sub.status?.images?.length, 1);
    assert.equal(sub.spec?.unschedulable ?? false, false);
    const put = await eventually(async () => {
      const now = await api.request<AnObject>("GET", path);
      return api.request<AnObject>("PUT", `${path}/status`, { body: { ...now, status: { images: [] } } });
    });
    assert.deepEqual(put.status?.images ?? [], []);
  });

  it("merges conditions by type in a strategic patch, and replaces images", async () => {
    const { api } = peer();
    const test = testId();
    await createNodes(api, test, 1);
    const patch = (status: unknown) =>
      api.request<{ status: { conditions: { type: string }[]; images: unknown[] } }>(
        "PATCH",
        `${NODES}/${test}-0/status`,
        { body: { status }, contentType: PATCH.strategic },
      );
    const names = [...IMAGES, { names: ["registry.example.org/b:1"], sizeBytes: 4 }];
    await patch({ conditions: [{ type: "Ready", status: "True" }], images: names });
    const { status } = await patch({ conditions: [{ type: "DiskPressure", status: "False" }], images: IMAGES });
    const types = status.conditions.map(({ type }) => type);
    assert.ok(types.includes("Ready") && types.includes("DiskPressure"), String(types));
    assert.equal(status.images.length, 1);
  });

  it("deletes with the uid as a precondition", async () => {
    const { api } = peer();
    const test = testId();
    const [node] = await createNodes(api, test, 1);
    const remove = (uid: string) =>
      api.request<{ kind: string }>("DELETE", `${NODES}/${test}-0`, { body: { preconditions: { uid } } });
    await assert.rejects(remove("00000000-0000-0000-0000-000000000000"), refusal(409, "Conflict"));
    assert.equal((await remove(node?.metadata.uid ?? "")).kind, "Status");
    const [again] = await createNodes(api, test, 1);
    assert.notEqual(again?.metadata.uid, node?.metadata.uid);
  });
}

/** The taints that the controllers and admission plugins give to nodes. */
export function defineControllers({ peer }: Subject): void {
  it("taints a new node as not ready until its status says otherwise", async () => {
    const { api } = peer();
    const test = testId();
    const [node] = await createNodes(api, test, 1);
    assert.deepEqual(
      node?.spec?.taints?.map(({ key }) => key),
      ["node.kubernetes.io/not-ready"],
    );
    await makeReady(api, `${test}-0`);
    await settledNode(api, `${test}-0`, []);
  });

  it("taints a cordoned node, and takes the taint away again", async () => {
    const { api } = peer();
    const test = testId();
    await createNodes(api, test, 1);
    await makeReady(api, `${test}-0`);
    const cordon = (unschedulable: boolean) =>
      api.request("PATCH", `${NODES}/${test}-0`, { body: { spec: { unschedulable } }, contentType: PATCH.merge });
    await cordon(true);
    const { spec } = await settledNode(api, `${test}-0`, ["node.kubernetes.io/unschedulable"]);
    assert.equal(spec?.taints?.[0]?.effect, "NoSchedule");
    await cordon(false);
    await settledNode(api, `${test}-0`, []);
  });
}

/** Pods and leases, as far as prepulling and leader election will use them. */
export function definePods({ peer }: Subject): void {
  const PODS = "/api/v1/namespaces/default/pods";
  const pod = (name: string, more: object = {}) => ({
    kind: "Pod",
    apiVersion: "v1",
    metadata: { name },
    spec: { containers: [{ name: "main", image: "registry.example.org/lab:w_1" }], ...more },
    status: { phase: "Succeeded" },
  });

  it("makes pods pending, whatever their status says, and writes it through the subresource", async () => {
    const { api } = peer();
    const name = testId();
    const created = await api.request<AnObject>("POST", PODS, { body: pod(name, { nodeName: "nowhere" }) });
    assert.equal(created.status?.phase, "Pending");
    const done = await api.request<AnObject>("PATCH", `${PODS}/${name}/status`, {
      body: { status: { phase: "Succeeded" } },
      contentType: PATCH.strategic,
    });
    assert.equal(done.status?.phase, "Succeeded");
    const gone = await api.request<AnObject>("DELETE", `${PODS}/${name}`);
    assert.equal(gone.metadata.uid, created.metadata.uid);
    await assert.rejects(api.request("GET", `${PODS}/${name}`), refusal(404, "NotFound"));
  });

  it("keeps a deleted pod that is bound to a node until its kubelet lets it go", async () => {
    const { api } = peer();
    const name = testId();
    await api.request("POST", PODS, { body: pod(name, { nodeName: "nowhere" }) });
    const marked = await api.request<AnObject>("DELETE", `${PODS}/${name}`);
    assert.ok(marked.metadata.deletionTimestamp);
    const list = await api.request<AList>("GET", `${PODS}?fieldSelector=spec.nodeName%3Dnowhere`);
    assert.ok(list.items.some((each) => each.metadata.name === name));
    await api.request("DELETE", `${PODS}/${name}`, { body: { gracePeriodSeconds: 0 } });
    await assert.rejects(api.request("GET", `${PODS}/${name}`), refusal(404, "NotFound"));
  });

  it("refuses objects in a namespace that is not there", async () => {
    const { api } = peer();
    const path = "/api/v1/namespaces/not-there/pods";
    await assert.rejects(api.request("POST", path, { body: pod(testId()) }), refusal(404, "NotFound"));
  });

  it("guards leases by their version", async () => {
    const { api } = peer();
    const path = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";
    const name = testId();
    const body = {
      kind: "Lease",
      apiVersion: "coordination.k8s.io/v1",
      metadata: { name },
      spec: { holderIdentity: "a" },
    };
    const lease = await api.request<AnObject>("POST", path, { body });
    await api.request("PUT", `${path}/${name}`, { body: { ...lease, spec: { holderIdentity: "b" } } });
    const stale = api.request("PUT", `${path}/${name}`, { body: { ...lease, spec: { holderIdentity: "c" } } });
    await assert.rejects(stale, refusal(409, "Conflict"));
  });
}
