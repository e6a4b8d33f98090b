import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { eventually } from "../support/eventually.ts";
import { type RealCluster, startCluster } from "./cluster.ts";
import { createLabImage } from "./images.ts";
import type { NodeOptions, RealNode } from "./node.ts";
import { openRepository, PATIENCE, type Repository, startService, weekly } from "./service.ts";
import { beginSlowPull } from "./slow-pull.ts";

const TIMEOUT_SECONDS = 5;
/** What takes longer than the time-out at this rate, bytes per second. */
const SLOW = { bytes: 3_000_000, rate: 300_000 };

/** What becomes of pulls through a slow connection and through a dead one. */
export function linksContract(name: string, options: NodeOptions = {}): void {
  describe(`a connection between node and registry, with a time-out of ${TIMEOUT_SECONDS} s: ${name}`, () => {
    let cluster: RealCluster;
    let repository: Repository;
    let node: RealNode;
    const scope = new AsyncDisposableStack();

    before(async () => {
      // Without a cluster DNS the kubelet warns of that with every sync of a pod.
      const alder = { ...options, kubelet: { clusterDNS: [], ...options.kubelet } };
      cluster = scope.use(await startCluster({ nodes: { alder, beech: options } }));
      node = cluster.node("alder");
      repository = openRepository(cluster, "lab/sketchbook");
      await repository.push([weekly(0), "recommended"]);
    });
    after(() => scope.disposeAsync());

    const start = () => startService(cluster, repository, { images: { prepullTimeout: `${TIMEOUT_SECONDS}s` } });

    it("that is slow delays the image, and does not keep it away", async () => {
      await using service = await start();
      node.link.cutAll();
      node.link.setFault({ kind: "drip", bytesPerSecond: SLOW.rate });
      const digest = await repository.push([weekly(1)], await createLabImage(SLOW.bytes));
      await service.untilComplete([digest]);
      node.link.setFault(null);
    });

    it("F76: that is dead fails the pull by its time-out, not for want of a cluster DNS; the other node is filled, and this one once it is cut", async () => {
      await using service = await start();
      const { digest } = await beginSlowPull(node, repository, weekly(2));
      node.link.setFault({ kind: "half-open", applyToOpen: true });
      const progress = await eventually(async () => {
        const found = await service.progress(node.name, digest);
        assert.equal(found?.failureClass, "FAILURE_CLASS_TIMEOUT");
        return found;
      }, PATIENCE);
      assert.doesNotMatch(progress?.message ?? "", /MissingClusterDNS|ClusterFirst/);
      await eventually(async () => {
        const { prepulled, pending } = await service.status();
        const entry = [...prepulled, ...pending].find(({ image }) => image.digest === digest);
        assert.ok(entry?.nodes.includes("beech"));
      }, PATIENCE);
      node.link.setFault(null);
      node.link.cutAll();
      await service.untilComplete([digest]);
    });

    it("F70: that is dead blames no other image of the node", async () => {
      await using service = await start();
      const dead = await beginSlowPull(node, repository, weekly(3));
      node.link.setFault({ kind: "half-open", applyToOpen: true });
      const innocent = await repository.push([weekly(4)]);
      try {
        await eventually(async () => {
          const found = await service.progress(node.name, dead.digest);
          assert.equal(found?.failureClass, "FAILURE_CLASS_TIMEOUT");
        }, PATIENCE);
        const deadline = performance.now() + 4 * TIMEOUT_SECONDS * 1_000;
        await eventually(async () => {
          const other = await service.progress(node.name, innocent);
          assert.equal(other?.failureClass, "FAILURE_CLASS_UNSPECIFIED");
          assert.match(other?.message ?? "", /waits behind an earlier pull on the node/);
          assert.ok(performance.now() > deadline, "not looked at for long enough");
        }, PATIENCE);
        const failed = service.process.log.filter(({ failureClass }) => failureClass !== undefined);
        assert.ok(
          failed.every(({ reference }) => !String(reference).endsWith(innocent)),
          "the other image is blamed",
        );
      } finally {
        node.link.setFault(null);
        node.link.cutAll();
      }
      await service.untilComplete([dead.digest, innocent]);
    });
  });
}
