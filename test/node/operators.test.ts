import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { ApiStatusError } from "../cluster/api-client.ts";
import { DEPLOYED, PODS } from "../cluster/prepuller-cluster.ts";
import { eventually } from "../support/eventually.ts";
import { type RealCluster, startCluster } from "./cluster.ts";
import type { RealNode } from "./node.ts";
import { openRepository, PATIENCE, type Repository, type Service, startService, weekly } from "./service.ts";
import { beginSlowPull } from "./slow-pull.ts";

describe("an operator in the middle of a pull", () => {
  let cluster: RealCluster;
  let repository: Repository;
  let service: Service;
  let node: RealNode;
  const scope = new AsyncDisposableStack();
  const digests: string[] = [];
  let alertsBefore = 0;

  before(async () => {
    cluster = scope.use(await startCluster());
    node = cluster.node("alder");
    repository = openRepository(cluster, "lab/sketchbook");
    digests.push(await repository.push([weekly(0), "recommended"]));
    service = scope.use(await startService(cluster, repository));
    await service.untilComplete(digests);
  });
  after(() => scope.disposeAsync());

  async function beginPull(): Promise<void> {
    alertsBefore = alerts().length;
    digests.push((await beginSlowPull(node, repository, weekly(digests.length))).digest);
  }

  function alerts() {
    return service.process.log.filter(({ level }) => level === "error");
  }

  async function untilEligible(expected: boolean): Promise<void> {
    await eventually(async () => {
      const { nodes } = await service.status();
      assert.equal(nodes.find(({ name }) => name === node.name)?.eligible, expected);
    }, PATIENCE);
  }

  async function podOnNode(): Promise<string> {
    const { items } = await cluster.plane.api.request<{ items: { metadata: { name: string } }[] }>(
      "GET",
      `${PODS}?fieldSelector=spec.nodeName=${node.name}`,
    );
    const [pod] = items;
    assert.ok(pod !== undefined, "no pod is on the node");
    return pod.metadata.name;
  }

  async function evict(name: string): Promise<void> {
    const body = { apiVersion: "policy/v1", kind: "Eviction", metadata: { name, namespace: DEPLOYED } };
    await cluster.plane.api.request("POST", `${PODS}/${name}/eviction`, { body });
  }

  it("cordons the node: its pull is withdrawn without a pod left over, and the image is there after it is open again", async () => {
    await beginPull();
    await cluster.kubectl("cordon", node.name);
    await untilEligible(false);
    await service.untilComplete(digests);
    await eventually(async () => await assert.rejects(podOnNode), PATIENCE);
    await cluster.kubectl("uncordon", node.name);
    await untilEligible(true);
    await service.untilComplete(digests);
    assert.deepEqual(alerts().slice(alertsBefore), []);
  });

  it("F28, F78: drains the node without force, and the image is there after it is open again, without an alert", async () => {
    await beginPull();
    await cluster.kubectl("drain", node.name, "--timeout=120s");
    await untilEligible(false);
    await cluster.kubectl("uncordon", node.name);
    await untilEligible(true);
    await service.untilComplete(digests);
    assert.deepEqual(alerts().slice(alertsBefore), []);
  });

  it("F78: evicts the pod: it is tried again, and no alert is raised", async () => {
    await beginPull();
    await evict(await podOnNode());
    await service.untilComplete(digests);
    assert.deepEqual(alerts().slice(alertsBefore), []);
  });

  it("F78: drains the node, and the service sees cordon and eviction at once: no alert is raised", async () => {
    await beginPull();
    const name = await podOnNode();
    service.process.kill("SIGSTOP");
    await cluster.kubectl("cordon", node.name);
    await evict(name);
    service.process.kill("SIGCONT");
    await untilEligible(false);
    await cluster.kubectl("uncordon", node.name);
    await untilEligible(true);
    await service.untilComplete(digests);
    assert.deepEqual(alerts().slice(alertsBefore), []);
  });

  it("deletes the node, which registers again: it is filled again", async () => {
    await beginPull();
    await cluster.kubectl("delete", "node", node.name);
    await eventually(async () => {
      await assert.rejects(node.object, (error) => error instanceof ApiStatusError && error.status === 404);
      const { nodes } = await service.status();
      assert.ok(nodes.every(({ name }) => name !== node.name));
    }, PATIENCE);
    await node.kubelet.stop();
    await node.kubelet.start();
    await node.untilReady();
    await untilEligible(true);
    await service.untilComplete(digests);
  });
});
