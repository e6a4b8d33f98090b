import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { DEPLOYED } from "../cluster/prepuller-cluster.ts";
import { recordPods } from "../cluster/service-pods.ts";
import { eventually } from "../support/eventually.ts";
import { type RealCluster, startCluster } from "./cluster.ts";
import { createImage, createRandomLayer } from "./images.ts";
import type { RealNode } from "./node.ts";
import { openRepository, PATIENCE, type Repository, startService, weekly } from "./service.ts";

/** What the kubelet reports unless it is configured otherwise. */
const LIMIT = 50;
const IMAGES = LIMIT + 2;
/** Each image differs from the next by this, bytes: the report leaves out the smallest. */
const STEP_BYTES = 1_000;

describe("more images than a report has room for", () => {
  let cluster: RealCluster;
  let repository: Repository;
  const scope = new AsyncDisposableStack();
  const digests: string[] = [];

  before(async () => {
    cluster = scope.use(
      await startCluster({
        nodes: {
          cut: { kubelet: { nodeStatusMaxImages: LIMIT }, labels: { limit: "some" } },
          whole: { kubelet: { nodeStatusMaxImages: -1 }, labels: { limit: "none" } },
        },
      }),
    );
    repository = openRepository(cluster, "lab/sketchbook");
    for (let number = 1; number <= IMAGES; number += 1) {
      const image = createImage({ layers: [await createRandomLayer(number * STEP_BYTES)] });
      digests.push(await repository.push([weekly(number)], image));
    }
  });
  after(() => scope.disposeAsync());

  async function untilReported(node: RealNode, count: number): Promise<void> {
    await eventually(async () => assert.equal((await node.object()).status.images?.length, count), PATIENCE);
  }

  it("are pulled once each where the report is cut (50) as where it is whole (-1)", async () => {
    const { url, adminToken: token, caPem: ca } = cluster.plane;
    await using history = await recordPods({ url, token, ca }, DEPLOYED);
    await using service = await startService(cluster, repository);
    await service.untilComplete(digests);
    await untilReported(cluster.node("cut"), LIMIT);
    // The image of the sandboxes is reported, too.
    await untilReported(cluster.node("whole"), IMAGES + 1);
    await eventually(async () => {
      const { nodes } = await service.status();
      assert.equal(nodes.find(({ name }) => name === "cut")?.imagesTruncated, true);
    }, PATIENCE);
    await service.untilComplete(digests);
    assert.equal(history.pods.length, 2 * IMAGES);
    assert.deepEqual(history.repeated, []);
  });

  it("are all known to a service that starts afterwards: from a whole report, or by asking the node again", async () => {
    {
      await using reader = await startService(cluster, repository, {
        nodeSelector: { limit: "none" },
        kubernetes: { nodeStatusMaxImages: -1 },
        prepuller: { enabled: false },
      });
      await reader.untilComplete(digests);
      const { nodes } = await reader.status();
      assert.deepEqual(
        nodes.map(({ name, imagesTruncated }) => ({ name, imagesTruncated })),
        [{ name: "whole", imagesTruncated: false }],
      );
    }
    await using service = await startService(cluster, repository, { nodeSelector: { limit: "some" } });
    await service.untilComplete(digests);
  });

  it("F26: are no cut report where the list is longer than the limit that the service knows of", async () => {
    await using reader = await startService(cluster, repository, {
      nodeSelector: { limit: "none" },
      prepuller: { enabled: false },
    });
    await reader.untilComplete(digests);
    const { nodes } = await reader.status();
    assert.equal(nodes[0]?.imagesTruncated, false);
  });
});
