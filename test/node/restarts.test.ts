import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { eventually } from "../support/eventually.ts";
import type { LogLine } from "../support/service-process.ts";
import { type RealCluster, startCluster } from "./cluster.ts";
import type { RealNode } from "./node.ts";
import { openRepository, PATIENCE, type Repository, type Service, startService, weekly } from "./service.ts";
import { beginSlowPull } from "./slow-pull.ts";

describe("in the middle of a pull", () => {
  let cluster: RealCluster;
  let repository: Repository;
  let service: Service;
  let node: RealNode;
  const scope = new AsyncDisposableStack();
  const digests: string[] = [];

  before(async () => {
    cluster = scope.use(await startCluster());
    node = cluster.node("alder");
    repository = openRepository(cluster, "lab/sketchbook");
    digests.push(await repository.push([weekly(0), "recommended"]));
    service = scope.use(await startService(cluster, repository));
    await service.untilComplete(digests);
  });
  after(() => scope.disposeAsync());

  /** Pushes an image, interrupts its pull to one node, and waits until it is there all the same; returns what was logged. */
  async function interrupt(interruption: () => Promise<void>): Promise<readonly LogLine[]> {
    const linesBefore = service.process.log.length;
    digests.push((await beginSlowPull(node, repository, weekly(digests.length))).digest);
    await interruption();
    await service.untilComplete(digests);
    return service.process.log.slice(linesBefore);
  }

  function failureClasses(log: readonly LogLine[]): ReadonlySet<unknown> {
    return new Set(log.map(({ failureClass }) => failureClass).filter((each) => each !== undefined));
  }

  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    it(`the kubelet ends by ${signal} and comes back: the image gets there without a failure`, async () => {
      const log = await interrupt(async () => {
        await node.kubelet.stop(signal);
        await node.kubelet.start();
      });
      assert.deepEqual(failureClasses(log), new Set());
    });

    it(`F75: containerd ends by ${signal} and comes back: the image gets there, and the runtime is blamed`, async () => {
      const log = await interrupt(async () => {
        await node.runtime.stop(signal);
        await node.runtime.start();
      });
      assert.deepEqual(failureClasses(log), new Set(["node-runtime"]));
    });
  }

  it("containerd stays away: the node is left out until it is back, and the other one is filled", async () => {
    const linesBefore = service.process.log.length;
    await node.runtime.stop();
    digests.push(await repository.push([weekly(digests.length)]));
    const shown = async () => (await service.status()).nodes.find(({ name }) => name === node.name);
    await eventually(async () => assert.match((await shown())?.comment ?? "", /not-ready/), PATIENCE);
    await service.untilComplete(digests);
    await node.runtime.start();
    await eventually(async () => assert.equal((await shown())?.eligible, true), PATIENCE);
    await eventually(async () => assert.equal((await shown())?.cached.length, digests.length), PATIENCE);
    await service.untilComplete(digests);
    assert.ok(failureClasses(service.process.log.slice(linesBefore)).isSubsetOf(new Set(["node-runtime"])));
  });
});
