import assert from "node:assert/strict";
import { after, before, describe, it, type TestContext } from "node:test";
import { eventually } from "../support/eventually.ts";
import { type RealCluster, startCluster } from "./cluster.ts";
import { recordFigures } from "./figures.ts";
import {
  ARCHITECTURE,
  createImage,
  createIndex,
  createLabImage,
  createProgramLayer,
  createRandomLayer,
  FOREIGN_ARCHITECTURE,
} from "./images.ts";
import type { NodeOptions, RealNode } from "./node.ts";
import { openRepository, PATIENCE, type Repository, type Service, startService } from "./service.ts";

/** What two real nodes get from the first fill on. */
export function fillContract(name: string, options: NodeOptions = {}): void {
  describe(`two real nodes: ${name}`, () => {
    let cluster: RealCluster;
    let repository: Repository;
    let service: Service;
    const scope = new AsyncDisposableStack();
    const digests: string[] = [];

    before(async () => {
      cluster = scope.use(await startCluster({ nodes: { alder: options, beech: options } }));
      repository = openRepository(cluster, "lab/sketchbook");
    });
    after(() => scope.disposeAsync());

    const figure = (context: TestContext, what: string, since: number) =>
      recordFigures(context, `${what} (${name})`, performance.now() - since);

    /** Waits until the kubelet's own report names all that was pushed. */
    async function untilReported(node: RealNode): Promise<void> {
      const reported = await Promise.all(digests.map((digest) => node.reports(digest)));
      assert.deepEqual(
        digests.filter((_, index) => !reported[index]),
        [],
        `${node.name} does not report them`,
      );
    }

    it("are filled", async (context) => {
      digests.push(await repository.push(["w_2077_10", "recommended"]));
      for (const tag of ["w_2077_11", "w_2077_12"]) digests.push(await repository.push([tag]));
      const startedAt = performance.now();
      service = scope.use(await startService(cluster, repository));
      await service.untilComplete(digests);
      await figure(context, "first fill, 3 images on 2 nodes, from the start of the service", startedAt);
    });

    it("get what is pushed, and the status shows it within seconds", async (context) => {
      const image = await createLabImage(20_000_000);
      const pushedAt = performance.now();
      digests.push(await repository.push(["w_2077_20"], image));
      await service.untilComplete(digests);
      await figure(context, "push of 20 MB to shown on both nodes", pushedAt);
    });

    it("get an image without a program: that its container cannot start is of no account", async () => {
      digests.push(await repository.push(["w_2077_21"], createImage({ layers: [await createRandomLayer(1_000)] })));
      await service.untilComplete(digests);
    });

    it("get their architecture's image of an index, and report the digest of the index", async () => {
      const images = await Promise.all(
        [FOREIGN_ARCHITECTURE, ARCHITECTURE].map(async (architecture) =>
          createImage({ architecture, layers: [await createProgramLayer(), await createRandomLayer(1_000)] }),
        ),
      );
      digests.push(await repository.push(["w_2077_22"], createIndex(images)));
      await service.untilComplete(digests);
    });

    it("confirm all of it by their reports: a service that only reads them misses nothing", async () => {
      for (const node of cluster.nodes) await eventually(() => untilReported(node), PATIENCE);
      assert.deepEqual(
        service.process.log.filter(({ level }) => level === "error" || level === "warn"),
        [],
      );
      await using reader = await startService(cluster, repository, { prepuller: { enabled: false } });
      await reader.untilComplete(digests);
    });

    it("get an image again that was deleted on one of them", async (context) => {
      const [node] = cluster.nodes;
      const [digest] = digests;
      assert.ok(node !== undefined && digest !== undefined);
      const deletedAt = performance.now();
      await node.runtime.removeImage(digest);
      await eventually(async () => assert.ok(!(await node.reports(digest))), PATIENCE);
      await figure(context, "deletion of an image to its node's report", deletedAt);
      await eventually(async () => {
        const names = await node.runtime.imageNames();
        assert.ok(names.some((name) => name.endsWith(`@${digest}`)));
      }, PATIENCE);
      await figure(context, "deletion of an image until its node has it again", deletedAt);
      await service.untilComplete(digests);
    });
  });
}
