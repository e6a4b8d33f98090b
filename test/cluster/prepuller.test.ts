import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { V1Deployment, V1Pod } from "@kubernetes/client-node";
import { PullCancelledError, type PullOrder, PullReleasedError } from "../../src/domain/prepull/pull.ts";
import { digest } from "../kubernetes/node-fixture.ts";
import { ended, failureOf, reference, unending, waiting } from "../kubernetes/prepull-fixture.ts";
import { eventually } from "../support/eventually.ts";
import type { PlainPuller } from "../support/plain-puller.ts";
import { findControlPlaneBinaries } from "./binaries.ts";
import { DEPLOYED, PODS, type PrepullerCluster, startPrepullerCluster } from "./prepuller-cluster.ts";

const PATIENCE = { withinMs: 60_000 };
const PULLED = { kind: "pulled" };
const DONE = ended(0, "Completed", `lab@${digest(1)}`);

const lookup = await findControlPlaneBinaries();
const skip = lookup.available ? false : `did not run: ${lookup.reason}`;

describe("puller on a real API server, under the role of deploy/", { skip }, () => {
  let cluster: PrepullerCluster;
  let puller: PlainPuller;

  before(async () => {
    cluster = await startPrepullerCluster();
    puller = cluster.puller();
  });

  after(() => cluster[Symbol.asyncDispose]());

  /** The pod of an order, once it is there. */
  const made = (order: PullOrder) => eventually(() => cluster.pod<V1Pod>(order), PATIENCE);

  async function remove(order: PullOrder): Promise<void> {
    const { metadata } = await cluster.pod<V1Pod>(order);
    await cluster.plane.api.request("DELETE", `${PODS}/${metadata?.name}`, { body: { gracePeriodSeconds: 0 } });
  }

  it("pulls by pods that kubelets run, and leaves nothing", async () => {
    const kubelets = await Promise.all(["run-a", "run-b"].map((name) => cluster.join(name)));
    const orders = await Promise.all(
      ["run-a", "run-b"].flatMap((name) => [cluster.order(name, 1), cluster.order(name, 2)]),
    );
    const outcomes = await Promise.all(orders.map((order) => puller.pull(order, unending)));
    assert.deepEqual(
      outcomes,
      orders.map(() => PULLED),
    );
    assert.deepEqual(
      kubelets.map(({ images }) => images.length),
      [2, 2],
    );
    assert.equal(await cluster.podCount(), 0);
  });

  it("makes a pod that the server takes as it is meant, in a namespace that is restricted", async () => {
    await cluster.addNode("shape");
    const order = await cluster.order("shape", 1);
    const pull = puller.pull(order, unending);
    const { metadata, spec, status } = await made(order);
    await cluster.say(order, DONE);
    assert.deepEqual(await pull, PULLED);
    const deployment = await cluster.plane.api.request<V1Deployment>(
      "GET",
      `/apis/apps/v1/namespaces/${DEPLOYED}/deployments/${DEPLOYED}`,
    );
    assert.deepEqual(metadata?.ownerReferences, [
      { apiVersion: "apps/v1", kind: "Deployment", name: DEPLOYED, uid: deployment.metadata?.uid, controller: true },
    ]);
    assert.equal(metadata?.labels?.["nublado.lsst.io/category"], "prepuller");
    assert.equal(metadata?.labels?.["team"], "science");
    assert.equal(spec?.nodeName, "shape");
    assert.equal(spec?.activeDeadlineSeconds, 60);
    assert.equal(spec?.terminationGracePeriodSeconds, 0);
    assert.deepEqual(spec?.volumes ?? [], []);
    assert.deepEqual(spec?.imagePullSecrets, [{ name: "registry" }]);
    assert.deepEqual(spec?.tolerations?.[0], { key: "lab", operator: "Exists", effect: "NoSchedule" });
    assert.equal(spec?.containers[0]?.image, reference(1));
    assert.equal(status?.qosClass, "Burstable");
  });

  it("adopts what it has released, whatever has become of it", async () => {
    await cluster.addNode("adopt");
    for (const [number, status] of [
      [1, null],
      [2, DONE],
    ] as const) {
      const order = await cluster.order("adopt", number);
      const release = new AbortController();
      const first = puller.pull(order, release.signal);
      const { metadata } = await made(order);
      release.abort(new PullReleasedError());
      await assert.rejects(first, PullReleasedError);
      if (status !== null) await cluster.say(order, status);
      const second = cluster.puller().pull(order, unending);
      if (status === null) {
        assert.equal((await made(order)).metadata?.uid, metadata?.uid);
        await cluster.say(order, DONE);
      }
      assert.deepEqual(await second, PULLED);
    }
    assert.equal(await cluster.podCount(), 0);
  });

  it("replaces a pod that has failed, and recovers, counts and removes what is left over (P1)", async () => {
    await cluster.addNode("left");
    const orders = await Promise.all([1, 2, 3, 4].map((number) => cluster.order("left", number)));
    const [good, failed, live, unwanted] = orders;
    assert.ok(good && failed && live && unwanted);
    const release = new AbortController();
    const pulls = orders.map((order) => puller.pull(order, release.signal));
    await Promise.all(orders.map(made));
    release.abort(new PullReleasedError());
    await Promise.allSettled(pulls);
    await cluster.say(good, ended(3, "Error", `lab@${digest(1)}`));
    await cluster.say(failed, { phase: "Failed", reason: "Evicted", message: "low on memory" });
    const again = cluster.puller();
    const replacing = again.pull(failed, unending);
    await eventually(async () => assert.equal((await made(failed)).status?.phase, "Pending"), PATIENCE);
    const recovered = await again.recover((_, image) => image !== unwanted.digest, unending);
    assert.deepEqual(recovered, [{ node: "left", nodeUid: good.nodeUid, digest: good.digest }]);
    assert.equal(await cluster.podCount(), 2);
    await cluster.say(failed, DONE);
    assert.deepEqual(await replacing, PULLED);
    await remove(live);
  });

  for (const [what, status, reason, message] of [
    ["cannot pull", waiting("ErrImagePull", "no space left on device"), "ErrImagePull", /disk is full/],
    ["evicts", { phase: "Failed", reason: "Evicted", message: "low on memory" }, "Evicted", /low on memory/],
    ["has no room", { phase: "Failed", reason: "OutOfpods", message: "too many" }, "OutOfpods", /no room/],
  ] as const) {
    it(`says why a kubelet ${what} (K8)`, async () => {
      const node = `k8-${reason.toLowerCase()}`;
      await cluster.addNode(node);
      const order = await cluster.order(node, 1);
      const pull = puller.pull(order, unending);
      await made(order);
      await cluster.say(order, status);
      const failure = failureOf(await pull);
      assert.equal(failure.reason, reason);
      assert.match(failure.message, message);
      assert.equal(await cluster.podCount(), 0);
    });
  }

  it("says that nobody takes the pod up, with what the events say, and that somebody has deleted it (K8)", async () => {
    await cluster.addNode("stuck");
    const late = await cluster.order("stuck", 1, 3_000);
    const pull = puller.pull(late, unending);
    const { metadata } = await made(late);
    await cluster.plane.api.request("POST", `/api/v1/namespaces/${DEPLOYED}/events`, {
      body: {
        metadata: { name: "stuck", namespace: DEPLOYED },
        involvedObject: { kind: "Pod", namespace: DEPLOYED, name: metadata?.name, uid: metadata?.uid },
        type: "Warning",
        reason: "FailedCreatePodSandBox",
        message: "no addresses left",
        lastTimestamp: new Date().toISOString(),
      },
    });
    assert.deepEqual(failureOf(await pull), {
      failureClass: "node-runtime",
      reason: "Timeout",
      message: "the kubelet of the node has not taken the pod up within 3 s: no addresses left",
    });
    const deleted = await cluster.order("stuck", 2);
    const other = puller.pull(deleted, unending);
    await made(deleted);
    await remove(deleted);
    assert.equal(failureOf(await other).reason, "Deleted");
    assert.equal(await cluster.podCount(), 0);
  });

  it("reports a quota and a node name that cannot be (K8)", async () => {
    await cluster.addNode("quota");
    const order = await cluster.order("quota", 1);
    const quotas = `/api/v1/namespaces/${DEPLOYED}/resourcequotas`;
    await cluster.plane.api.request("POST", quotas, {
      body: { metadata: { name: "none" }, spec: { hard: { pods: "0" } } },
    });
    // The quota counts once its controller has seen it.
    await eventually(async () => {
      const failure = failureOf(await puller.pull({ ...order, timeout: 1_000 }, unending));
      assert.equal(failure.reason, "Forbidden");
      assert.match(failure.message, /does not allow the pod: .*exceeded quota: none/);
    }, PATIENCE);
    await cluster.plane.api.request("DELETE", `${quotas}/none`);
    const failure = failureOf(await puller.pull({ ...order, node: "Not A Node" }, unending));
    assert.equal(failure.reason, "Invalid");
    assert.match(failure.message, /nodeName/);
  });

  it("reports a LimitRange that asks for larger pods (K8)", async () => {
    await cluster.addNode("limits");
    const order = await cluster.order("limits", 1);
    const ranges = `/api/v1/namespaces/${DEPLOYED}/limitranges`;
    const limits = [{ type: "Container", min: { cpu: "10m" } }];
    await cluster.plane.api.request("POST", ranges, { body: { metadata: { name: "large" }, spec: { limits } } });
    // It counts once the admission plugin has seen it.
    await eventually(async () => {
      const failure = failureOf(await puller.pull({ ...order, timeout: 1_000 }, unending));
      assert.equal(failure.reason, "Forbidden");
      assert.match(failure.message, /does not allow the pod: .*minimum cpu usage per Container is 10m/);
    }, PATIENCE);
    await cluster.plane.api.request("DELETE", `${ranges}/large`);
    assert.equal(await cluster.podCount(), 0);
  });

  it("cancels the pull to a node that leaves, and pulls to one that is made again under its name (K5)", async () => {
    const slow = await cluster.join("reborn", { bandwidthBytesPerSecond: 1_000 });
    const before = await cluster.order("reborn", 1);
    const cancel = new AbortController();
    const pull = puller.pull(before, cancel.signal);
    await made(before);
    await slow.leave();
    cancel.abort(new PullCancelledError());
    await assert.rejects(pull, PullCancelledError);
    assert.equal(await cluster.podCount(), 0);
    const kubelet = await cluster.join("reborn");
    const again = await cluster.order("reborn", 1);
    assert.notEqual(again.nodeUid, before.nodeUid);
    assert.deepEqual(await puller.pull(again, unending), PULLED);
    assert.equal(kubelet.images.length, 1);
  });

  it("sees a pull to its end over a restart of the API server", async () => {
    await cluster.join("restart", { bandwidthBytesPerSecond: 150_000 });
    const order = await cluster.order("restart", 1, 120_000);
    const pull = puller.pull(order, unending);
    await made(order);
    await cluster.plane.restartApiServer("SIGKILL");
    assert.deepEqual(await pull, PULLED);
    assert.equal(await cluster.podCount(), 0);
  });

  it("leaves its pods to the garbage collector when the Deployment is deleted", async () => {
    await cluster.plane.restartControllers();
    await cluster.addNode("orphan");
    const order = await cluster.order("orphan", 1);
    const release = new AbortController();
    const pull = puller.pull(order, release.signal);
    await made(order);
    release.abort(new PullReleasedError());
    await assert.rejects(pull, PullReleasedError);
    await cluster.plane.api.request("DELETE", `/apis/apps/v1/namespaces/${DEPLOYED}/deployments/${DEPLOYED}`);
    await eventually(async () => assert.equal(await cluster.podCount(), 0), PATIENCE);
  });
});
