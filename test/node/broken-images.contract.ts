import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import { eventually } from "../support/eventually.ts";
import { sha256 } from "../support/registry-writer.ts";
import { type RealCluster, startCluster } from "./cluster.ts";
import { failsUntil } from "./expected-failure.ts";
import {
  createImage,
  createIndex,
  createLabImage,
  createProgramLayer,
  createRandomLayer,
  FOREIGN_ARCHITECTURE,
  type Image,
} from "./images.ts";
import type { NodeOptions, RealNode } from "./node.ts";
import { openRepository, PATIENCE, type Repository, type Service, startService, weekly } from "./service.ts";

const LAYER_BYTES = 300_000;

/** An image that no node can have. */
interface BrokenImage {
  readonly image: Image;
  /** Done to the registry after the push. */
  readonly spoil?: (registryFolder: string) => Promise<void>;
}

function blobPath(registryFolder: string, digest: string): string {
  const hex = digest.slice("sha256:".length);
  return join(registryFolder, "docker/registry/v2/blobs/sha256", hex.slice(0, 2), hex, "data");
}

async function truncatedLayer(): Promise<BrokenImage> {
  const { blob, diffId } = await createRandomLayer(LAYER_BYTES);
  return { image: createImage({ layers: [{ blob: blob.subarray(0, LAYER_BYTES / 2), diffId }] }) };
}

async function wrongDiffId(): Promise<BrokenImage> {
  const { blob } = await createRandomLayer(LAYER_BYTES);
  return { image: createImage({ layers: [{ blob, diffId: sha256(Buffer.from("another")) }] }) };
}

async function noArchive(): Promise<BrokenImage> {
  const content = randomBytes(LAYER_BYTES);
  return { image: createImage({ layers: [{ blob: content, diffId: sha256(content) }] }) };
}

async function missingBlob(): Promise<BrokenImage> {
  const layer = await createRandomLayer(LAYER_BYTES);
  return {
    image: createImage({ layers: [layer] }),
    spoil: (registryFolder) => rm(blobPath(registryFolder, sha256(layer.blob))),
  };
}

async function otherBytes(): Promise<BrokenImage> {
  const layer = await createRandomLayer(LAYER_BYTES);
  return {
    image: createImage({ layers: [layer] }),
    spoil: (registryFolder) => writeFile(blobPath(registryFolder, sha256(layer.blob)), randomBytes(layer.blob.length)),
  };
}

async function otherPlatforms(): Promise<BrokenImage> {
  const layers = [await createRandomLayer(LAYER_BYTES)];
  return { image: createIndex([createImage({ architecture: FOREIGN_ARCHITECTURE, layers })]) };
}

async function otherArchitecture(): Promise<BrokenImage> {
  const layers = [await createProgramLayer(), await createRandomLayer(LAYER_BYTES)];
  return { image: createImage({ architecture: FOREIGN_ARCHITECTURE, layers }) };
}

/** As `helm push` makes it: its layer is no file system, and its config none of an image. */
async function helmChart(): Promise<BrokenImage> {
  const chart = gzipSync(randomBytes(2_000));
  return {
    image: createImage({
      layers: [{ blob: chart, diffId: sha256(chart) }],
      configMediaType: "application/vnd.cncf.helm.config.v1+json",
      layerMediaType: "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
    }),
  };
}

/** What becomes of images that no node can have, and of their neighbours. */
export function brokenImagesContract(name: string, options: NodeOptions = {}): void {
  describe(`an image that no node can have: ${name}`, () => {
    let cluster: RealCluster;
    let repository: Repository;
    let service: Service;
    const scope = new AsyncDisposableStack();
    let pushed = 0;

    before(async () => {
      cluster = scope.use(await startCluster({ nodes: { alder: options, beech: options } }));
      repository = openRepository(cluster, "lab/sketchbook");
      await repository.push(["w_2060_10", "recommended"]);
      service = scope.use(await startService(cluster, repository));
    });
    after(() => scope.disposeAsync());

    /** Pushes it, and an image that is well after it. */
    async function pushBoth(broken: BrokenImage): Promise<{ broken: string; well: string }> {
      pushed += 2;
      const digest = await repository.push([weekly(pushed)], broken.image);
      await broken.spoil?.(cluster.registryFolder);
      return { broken: digest, well: await repository.push([weekly(pushed - 1)], await createLabImage()) };
    }

    /** It fails on both nodes for this cause, and holds up nothing else. */
    async function assertFails(image: BrokenImage, failureClass: string, message: RegExp): Promise<void> {
      const { broken, well } = await pushBoth(image);
      for (const { name } of cluster.nodes) {
        const progress = await eventually(async () => {
          const found = await service.progress(name, broken);
          assert.ok(found !== undefined && found.reason !== "");
          return found;
        }, PATIENCE);
        assert.match(progress.message, message);
        assert.equal(progress.failureClass, `FAILURE_CLASS_${failureClass}`, progress.message);
      }
      await eventually(async () => assert.ok(await isEverywhere(well)), PATIENCE);
      assert.ok(!(await isEverywhere(broken)));
    }

    async function isEverywhere(digest: string): Promise<boolean> {
      const { prepulled } = await service.status();
      return prepulled.some(({ image }) => image.digest === digest);
    }

    /** Neither at first nor when it is retried: a failed unpack leaves a record in containerd 1.6, with which the retry ends. */
    async function assertNeverPrepulled(image: BrokenImage): Promise<void> {
      const { broken, well } = await pushBoth(image);
      await eventually(async () => assert.ok(await isEverywhere(well)), PATIENCE);
      const isSettled = async ({ name }: RealNode) => {
        const { prepulled, pending } = await service.status();
        const { attempts = 0 } = (await service.progress(name, broken)) ?? {};
        return attempts > 2 || ![...prepulled, ...pending].some(({ image: { digest } }) => digest === broken);
      };
      await eventually(async () => {
        const settled = await Promise.all(cluster.nodes.map(isSettled));
        assert.ok((await isEverywhere(broken)) || settled.every(Boolean));
      }, PATIENCE);
      assert.ok(!(await isEverywhere(broken)), "it counts as prepulled");
    }

    it("F75: for want of half a layer is unusable, and holds up nothing else", async () => {
      await assertFails(await truncatedLayer(), "IMAGE_UNUSABLE", /unexpected EOF/);
    });

    it("F75: since a layer is not what the config says is unusable, and holds up nothing else", async () => {
      await assertFails(await wrongDiffId(), "IMAGE_UNUSABLE", /wrong diff id/);
    });

    it("since a layer is no archive is unusable, and holds up nothing else", async () => {
      await assertFails(await noArchive(), "IMAGE_UNUSABLE", /archive/);
    });

    it("since the registry has lost a layer is not found, and holds up nothing else", async () => {
      await assertFails(await missingBlob(), "IMAGE_NOT_FOUND", /not found/);
    });

    it("since the registry sends other bytes is unusable, and holds up nothing else", async () => {
      await assertFails(await otherBytes(), "IMAGE_UNUSABLE", /unexpected commit/);
    });

    it("since the index lacks its platform is unusable, and holds up nothing else", async () => {
      await assertFails(await otherPlatforms(), "IMAGE_UNUSABLE", /no match for platform/);
    });

    it(
      "F77: since it is for another architecture alone does not count as prepulled",
      failsUntil("F77", async () => assertNeverPrepulled(await otherArchitecture())),
    );

    it(
      "F77: since it is a Helm chart does not count as prepulled",
      failsUntil("F77", async () => assertNeverPrepulled(await helmChart())),
    );
  });
}
