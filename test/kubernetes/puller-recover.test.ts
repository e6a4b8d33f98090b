import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { KubernetesDeniedError, KubernetesUnavailableError } from "../../src/domain/errors.ts";
import { machineTime } from "../../src/simulation/kubernetes/kubernetes-time.ts";
import { eventually } from "../support/eventually.ts";
import { digest } from "./node-fixture.ts";
import { abandon, ended, quickLimits, startPrepullBench, unending } from "./prepull-fixture.ts";

describe("puller: after a process was killed (P1)", () => {
  it("counts what has come to a good end, removes what is useless, leaves what is wanted", async () => {
    await using bench = await startPrepullBench();
    const orders = [1, 2, 3, 4].map((number) => bench.order("played", number));
    const [good, failed, live, unwanted] = orders;
    assert.ok(good && failed && live && unwanted);
    await abandon(bench, orders);
    await bench.say(good, ended(1, "Error", `lab@${digest(1)}`));
    await bench.say(failed, { phase: "Failed", reason: "Evicted" });
    const recovered = await bench.puller().recover((_, wanted) => wanted !== unwanted.digest, unending);
    assert.deepEqual(recovered, [{ node: "played", nodeUid: "played", digest: good.digest }]);
    const [left, ...others] = bench.pods();
    assert.deepEqual(left?.metadata.annotations?.["lab-images/digest"], live.digest);
    assert.deepEqual(others, []);
  });

  it("pulls nothing twice", async () => {
    await using bench = await startPrepullBench();
    await bench.join("node-a", { bandwidthBytesPerSecond: 2_000_000 });
    const order = bench.order("node-a", 1);
    await abandon(bench, [order]);
    const puller = bench.puller();
    assert.deepEqual(await puller.recover(() => true, unending), []);
    assert.deepEqual(await puller.pull(order, unending), { kind: "pulled" });
    assert.deepEqual(await puller.recover(() => true, unending), []);
    assert.deepEqual(bench.pods(), []);
    const created = bench.api.requests.filter(({ method }) => method === "POST");
    // The second was refused: the name is the fence.
    assert.equal(created.filter(({ target }) => target.includes("/pods")).length, 2);
  });

  it("removes what is overdue, also what is wanted or going", async () => {
    await using bench = await startPrepullBench();
    const orders = [bench.order("played", 1), bench.order("played", 2)];
    await abandon(bench, orders);
    const pod = await bench.pod(bench.order("played", 2));
    bench.api.put("pods", { ...pod, metadata: { ...pod.metadata, deletionTimestamp: new Date().toISOString() } });
    assert.deepEqual(await bench.puller().recover(() => true, unending), []);
    assert.equal(bench.pods().length, 2);
    const later = { ...machineTime, wallTime: () => Date.now() + 3_600_000 };
    await bench.puller({ clock: later }).recover(() => true, unending);
    assert.deepEqual(bench.pods(), []);
  });

  it("leaves the pods of its own pulls, and everybody else's, alone", async () => {
    await using bench = await startPrepullBench();
    const order = bench.order("played", 1);
    const puller = bench.puller();
    const pull = puller.pull(order, unending);
    const pod = await bench.pod(order);
    const { name: _, ...metadata } = pod.metadata;
    bench.api.put("pods", { ...pod, metadata: { ...metadata, name: "made-by-hand" } });
    bench.api.put("pods", { ...pod, metadata: { ...pod.metadata, name: "other", labels: {} } });
    assert.deepEqual(await puller.recover(() => false, unending), []);
    assert.equal(bench.pods().length, 3);
    await bench.say(order, ended(0, "Completed", `lab@${digest(1)}`));
    assert.deepEqual(await pull, { kind: "pulled" });
    assert.equal(bench.pods().length, 2);
  });

  it("removes many, a few at a time", async () => {
    await using bench = await startPrepullBench();
    const orders = Array.from({ length: 30 }, (_, number) => bench.order("played", number));
    await abandon(bench, orders);
    await bench.puller().recover(() => false, unending);
    assert.deepEqual(bench.pods(), []);
  });

  it("pages through many, and refuses a list that is none or does not end", async () => {
    await using bench = await startPrepullBench();
    await abandon(
      bench,
      Array.from({ length: 5 }, (_, number) => bench.order("played", number)),
    );
    const paged = (maxPages: number) =>
      bench.puller({ limits: { ...quickLimits, api: { ...quickLimits.api, pageSize: 2, maxPages } } });
    await assert.rejects(
      paged(2).recover(() => false, unending),
      /more than 2 pages/,
    );
    await paged(3).recover(() => false, unending);
    assert.deepEqual(bench.pods(), []);
    for (const body of ['{"kind":"NodeList"}', '{"kind":"PodList","metadata":{"resourceVersion":"1"},"items":[{}]}']) {
      bench.api.intercept((_, response) => {
        response.writeHead(200, { "content-type": "application/json" }).end(body);
        return true;
      });
      await assert.rejects(
        paged(3).recover(() => false, unending),
        KubernetesUnavailableError,
      );
    }
  });

  it("counts a pod once that has come to a good end and cannot be removed", async () => {
    await using bench = await startPrepullBench();
    const order = bench.order("played", 1);
    await abandon(bench, [order]);
    await bench.say(order, ended(0, "Completed", `lab@${digest(1)}`));
    bench.api.intercept((request, response) => {
      if (request.method !== "DELETE") return false;
      response.writeHead(403, { "content-type": "application/json" }).end("{}");
      return true;
    });
    const puller = bench.puller();
    assert.equal((await puller.recover(() => true, unending)).length, 1);
    assert.deepEqual(await puller.recover(() => true, unending), []);
    bench.api.intercept(null);
    assert.deepEqual(await puller.recover(() => true, unending), []);
    assert.deepEqual(bench.pods(), []);
  });

  it("takes no pod for left over whose pull ends while they are listed", async () => {
    await using bench = await startPrepullBench();
    const order = bench.order("played", 1);
    const puller = bench.puller();
    const pull = puller.pull(order, unending);
    const pod = { ...(await bench.pod(order)), status: ended(0, "Completed", `lab@${digest(1)}`) };
    await eventually(() => assert.equal(bench.api.watches, 1));
    const held: (() => void)[] = [];
    bench.api.intercept((request, response) => {
      if (!request.url?.includes("limit=")) return false;
      const body = JSON.stringify({ kind: "PodList", metadata: { resourceVersion: "1" }, items: [pod] });
      held.push(() => response.writeHead(200, { "content-type": "application/json" }).end(body));
      return true;
    });
    const recovered = puller.recover(() => true, unending);
    await eventually(() => assert.equal(held.length, 1));
    bench.api.put("pods", pod);
    await pull;
    for (const answer of held) answer();
    assert.deepEqual(await recovered, []);
  });

  it("goes on where one pod cannot be removed", async () => {
    await using bench = await startPrepullBench();
    const orders = [1, 2].map((number) => bench.order("played", number));
    await abandon(bench, orders);
    let refused = "";
    bench.api.intercept((request, response) => {
      if (request.method !== "DELETE" || (refused !== "" && refused !== request.url)) return false;
      refused = request.url ?? "";
      response.writeHead(500, { "content-type": "application/json" }).end("{}");
      return true;
    });
    await bench.puller().recover(() => false, unending);
    assert.equal(bench.pods().length, 1);
  });

  it("rejects where the pods cannot be listed, and for an abort", async () => {
    const grants = new Map([["token", { user: "nobody", rules: [] }]]);
    await using bench = await startPrepullBench({ access: grants });
    await assert.rejects(
      bench.puller().recover(() => true, unending),
      KubernetesDeniedError,
    );
    const reason = new Error("enough");
    await assert.rejects(
      bench.puller().recover(() => true, AbortSignal.abort(reason)),
      reason,
    );
  });
});
