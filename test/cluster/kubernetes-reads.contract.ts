import assert from "node:assert/strict";
import { it } from "node:test";
import { isLaterVersion } from "../../src/kubernetes/client/resource-version.ts";
import { PATCH } from "./api-client.ts";
import {
  type AList,
  type AnObject,
  createNodes,
  eventsUntil,
  NODES,
  refusal,
  type Subject,
  summary,
  testId,
} from "./kubernetes-peer.contract.ts";

/** Lists: paging, consistency, selectors. */
export function defineLists({ peer }: Subject): void {
  it("lists with the version of the list, and items without kind", async () => {
    const { api } = peer();
    const test = testId();
    await createNodes(api, test, 3);
    const list = await api.request<AList>("GET", `${NODES}?labelSelector=test%3D${test}`);
    assert.equal(list.kind, "NodeList");
    assert.match(list.metadata.resourceVersion, /^\d+$/);
    assert.deepEqual(
      list.items.map((node) => node.metadata.name),
      [`${test}-0`, `${test}-1`, `${test}-2`],
    );
    assert.deepEqual(
      list.items.map((node) => node.kind),
      [undefined, undefined, undefined],
    );
  });

  it("pages with limit and continue as one consistent state", async () => {
    const { api } = peer();
    const test = testId();
    await createNodes(api, test, 5);
    const base = `${NODES}?labelSelector=test%3D${test}&limit=2`;
    const first = await api.request<AList>("GET", base);
    assert.equal(first.metadata.remainingItemCount, undefined);
    await api.request("DELETE", `${NODES}/${test}-4`);
    const token = encodeURIComponent(first.metadata.continue ?? "");
    const second = await api.request<AList>("GET", `${base}&continue=${token}`);
    const third = await api.request<AList>(
      "GET",
      `${base}&continue=${encodeURIComponent(second.metadata.continue ?? "")}`,
    );
    const names = [first, second, third].flatMap((page) => page.items.map((node) => node.metadata.name));
    assert.deepEqual(
      names,
      [0, 1, 2, 3, 4].map((i) => `${test}-${i}`),
    );
    assert.equal(third.metadata.continue ?? "", "");
    assert.equal(second.metadata.resourceVersion, first.metadata.resourceVersion);
  });

  it("gives versions that can be compared, of objects and of the list", async () => {
    const { api } = peer();
    const nodes = `${NODES}?labelSelector=test%3D`;
    const test = testId();
    const [first, second] = await createNodes(api, test, 2);
    const before = await api.request<AList>("GET", nodes + test);
    const body = { metadata: { labels: { changed: "yes" } } };
    const changed = await api.request<AnObject>("PATCH", `${NODES}/${test}-0`, { body, contentType: PATCH.merge });
    const after = await api.request<AList>("GET", nodes + test);
    const versions = [first, second, changed].map((node) => node?.metadata.resourceVersion ?? "");
    assert.ok(isLaterVersion(versions[1] ?? "", versions[0] ?? ""), String(versions));
    assert.ok(!isLaterVersion(versions[1] ?? "", before.metadata.resourceVersion));
    assert.ok(isLaterVersion(versions[2] ?? "", before.metadata.resourceVersion));
    assert.ok(!isLaterVersion(versions[2] ?? "", after.metadata.resourceVersion));
  });

  it("counts what remains where nothing selects", async () => {
    const { api } = peer();
    await createNodes(api, testId(), 3);
    const page = await api.request<AList>("GET", `${NODES}?limit=1`);
    assert.ok((page.metadata.remainingItemCount ?? 0) >= 2);
  });

  it("selects by label expressions and by name", async () => {
    const { api } = peer();
    const test = testId();
    await createNodes(api, test, 3);
    await api.request("PATCH", `${NODES}/${test}-1`, {
      body: { metadata: { labels: { pool: "lab" } } },
      contentType: PATCH.merge,
    });
    const names = async (query: string) =>
      (await api.request<AList>("GET", `${NODES}?${query}`)).items.map((node) => node.metadata.name);
    const select = (expression: string) => names(`labelSelector=${encodeURIComponent(`test=${test},${expression}`)}`);
    assert.deepEqual(await select("pool=lab"), [`${test}-1`]);
    assert.deepEqual(await select("pool"), [`${test}-1`]);
    assert.deepEqual(await select("pool in (lab,x)"), [`${test}-1`]);
    const others = [`${test}-0`, `${test}-2`];
    assert.deepEqual(await select("!pool"), others);
    assert.deepEqual(await select("pool!=lab"), others);
    assert.deepEqual(await select("pool notin (lab)"), others);
    assert.deepEqual(await names(`fieldSelector=metadata.name%3D${test}-2`), [`${test}-2`]);
  });

  it("refuses selectors and tokens that are none", async () => {
    const { api } = peer();
    await assert.rejects(api.request("GET", `${NODES}?labelSelector=a%20b%20c`), refusal(400, "BadRequest"));
    await assert.rejects(api.request("GET", `${NODES}?limit=1&continue=nonsense`), refusal(400, "BadRequest"));
    await assert.rejects(api.request("GET", `${NODES}?fieldSelector=spec.nothing%3D1`), refusal(400, "BadRequest"));
  });
}

/** Watches: order, versions, selectors, bookmarks, time-outs. */
export function defineWatches({ peer }: Subject): void {
  it("reports what happened since a version, in order, each with its own version", async () => {
    const { api } = peer();
    const test = testId();
    const query = `labelSelector=test%3D${test}`;
    const { metadata } = await api.request<AList>("GET", `${NODES}?${query}`);
    await createNodes(api, test, 1);
    await api.request("DELETE", `${NODES}/${test}-0`);
    const events = await eventsUntil(api, `${query}&resourceVersion=${metadata.resourceVersion}`, (all) =>
      all.some(({ type }) => type === "DELETED"),
    );
    assert.equal(summary(events)[0], `ADDED ${test}-0`);
    assert.equal(summary(events).at(-1), `DELETED ${test}-0`);
    const versions = events.map(({ object }) => Number((object as AnObject).metadata.resourceVersion));
    assert.deepEqual(
      versions,
      [...new Set(versions)].sort((a, b) => a - b),
    );
    assert.ok(events.every(({ object }) => (object as AnObject).kind === "Node"));
  });

  it("begins with the state of now where no version is named", async () => {
    const { api } = peer();
    const test = testId();
    await createNodes(api, test, 2);
    const events = await eventsUntil(api, `labelSelector=test%3D${test}`, (all) => all.length === 2);
    assert.deepEqual(new Set(summary(events)), new Set([`ADDED ${test}-0`, `ADDED ${test}-1`]));
  });

  it("adds what comes to match a selector, and deletes what no longer does", async () => {
    const { api } = peer();
    const test = testId();
    await createNodes(api, test, 1);
    const relabel = (pool: string | null) =>
      api.request<AnObject>("PATCH", `${NODES}/${test}-0`, {
        body: { metadata: { labels: { pool } } },
        contentType: PATCH.merge,
      });
    const { metadata } = await api.request<AList>("GET", `${NODES}?limit=1`);
    await relabel("lab");
    const out = await relabel(null);
    const query = `labelSelector=${encodeURIComponent(`test=${test},pool=lab`)}&resourceVersion=${metadata.resourceVersion}`;
    const events = await eventsUntil(api, query, (all) => all.some(({ type }) => type === "DELETED"));
    assert.equal(summary(events)[0], `ADDED ${test}-0`);
    const last = events.at(-1)?.object as AnObject;
    assert.equal(last.metadata.labels?.["pool"], "lab", "the state that matched last");
    assert.equal(last.metadata.resourceVersion, out.metadata.resourceVersion, "with the version of the change");
  });

  it("ends after timeoutSeconds, with a bookmark shortly before", async () => {
    const { api } = peer();
    const { metadata } = await api.request<AList>("GET", `${NODES}?limit=1`);
    // A bookmark comes only where the version has moved on since the watch's own.
    await createNodes(api, testId(), 1);
    const started = performance.now();
    const query = `labelSelector=test%3Dnone&allowWatchBookmarks=true&timeoutSeconds=4&resourceVersion=${metadata.resourceVersion}`;
    const events = await eventsUntil(api, query, () => false);
    const elapsed = performance.now() - started;
    assert.ok(elapsed > 3_500 && elapsed < 20_000, `ended after ${elapsed} ms`);
    const bookmark = events.find(({ type }) => type === "BOOKMARK")?.object as AnObject | undefined;
    assert.ok(Number(bookmark?.metadata.resourceVersion) > Number(metadata.resourceVersion));
  });

  it("sends no bookmarks unasked", async () => {
    const { api } = peer();
    const { metadata } = await api.request<AList>("GET", `${NODES}?limit=1`);
    const query = `labelSelector=test%3Dnone&timeoutSeconds=3&resourceVersion=${metadata.resourceVersion}`;
    assert.deepEqual(await eventsUntil(api, query, () => false), []);
  });
}

/** 410 Gone; last, since it makes what others hold expire. */
export function defineExpiry({ peer }: Subject): void {
  it("refuses expired continue tokens, and ends watches from expired versions, with 410", async () => {
    const { api, expireHistory } = peer();
    await createNodes(api, testId(), 3);
    const page = await api.request<AList>("GET", `${NODES}?limit=1`);
    // Something newer, so that the version is no longer the current one.
    await createNodes(api, testId(), 1);
    await expireHistory();
    const token = encodeURIComponent(page.metadata.continue ?? "");
    await assert.rejects(api.request("GET", `${NODES}?limit=1&continue=${token}`), refusal(410, "Expired"));
    const [event] = await eventsUntil(api, `resourceVersion=${page.metadata.resourceVersion}`, () => true);
    assert.equal(event?.type, "ERROR");
    const { code, reason, kind } = (event?.object ?? {}) as { code?: number; reason?: string; kind?: string };
    assert.deepEqual([kind, code, reason], ["Status", 410, "Expired"]);
  });
}
