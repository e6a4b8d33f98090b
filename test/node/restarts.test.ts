import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { eventually } from "../support/eventually.ts";
import { sha256 } from "../support/registry-writer.ts";
import type { LogLine } from "../support/service-process.ts";
import { type RealCluster, startCluster } from "./cluster.ts";
import { createImage, createProgramLayer, createRandomLayer } from "./images.ts";
import type { RealNode } from "./node.ts";
import { openRepository, PATIENCE, type Repository, type Service, startService, weekly } from "./service.ts";

/** At this rate, bytes per second, the layer takes longer than anything that a test does meanwhile. */
const SLOW = 50_000;
const LAYER_BYTES = 3_000_000;

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
    // Connections that are kept alive would go on at full speed.
    node.link.cutAll();
    node.link.setFault({ kind: "drip", bytesPerSecond: SLOW });
    const layer = await createRandomLayer(LAYER_BYTES);
    const image = createImage({ layers: [await createProgramLayer(), layer] });
    digests.push(await repository.push([weekly(digests.length)], image));
    await eventually(async () => assert.ok(await node.runtime.isFetching(sha256(layer.blob))), PATIENCE);
    node.link.setFault(null);
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
