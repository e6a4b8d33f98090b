import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { eventually } from "../support/eventually.ts";
import { type RealCluster, startCluster } from "./cluster.ts";
import type { RealNode } from "./node.ts";
import { openRepository, PATIENCE, type Service, startService, weekly } from "./service.ts";

const IMAGES = 6;
/** From this number of pulls on an image that is missing again counts as thrashing. */
const PULLS = 3;

describe(`${IMAGES} images that are deleted on a node after each pull`, () => {
  let cluster: RealCluster;
  let node: RealNode;
  let service: Service;
  const scope = new AsyncDisposableStack();
  const digests: string[] = [];

  before(async () => {
    cluster = scope.use(await startCluster({ nodes: { alder: {} } }));
    node = cluster.node("alder");
    const repository = openRepository(cluster, "lab/sketchbook");
    digests.push(await repository.push([weekly(0), "recommended"]));
    for (let number = 1; number < IMAGES; number += 1) digests.push(await repository.push([weekly(number)]));
    service = scope.use(await startService(cluster, repository));
  });
  after(() => scope.disposeAsync());

  /** A kubelet reads its images when it starts, and every 30 s from then on. */
  async function untilReported(expected: boolean): Promise<void> {
    await node.kubelet.stop();
    await node.kubelet.start();
    await eventually(async () => {
      const reported = await Promise.all(digests.map((digest) => node.reports(digest)));
      assert.deepEqual(reported, Array(IMAGES).fill(expected));
    }, PATIENCE);
  }

  it(`are slowed down as thrashing after ${PULLS} pulls`, async () => {
    for (let pull = 1; pull <= PULLS; pull += 1) {
      await service.untilComplete(digests);
      // Until a report confirms them, what the service has pulled counts more than what a report lacks.
      await untilReported(true);
      for (const digest of digests) await node.runtime.removeImage(digest);
      await untilReported(false);
    }
    for (const digest of digests) {
      await eventually(async () => {
        assert.equal((await service.progress(node.name, digest))?.reason, "Thrashing");
      }, PATIENCE);
    }
  });

  it("F78: raise one alert for the node", () => {
    const alerts = service.process.log.filter(({ level }) => level === "error");
    assert.equal(alerts.length, 1, alerts.map(({ msg }) => msg).join("\n"));
    assert.equal(alerts[0]?.["node"], node.name);
  });
});
