import assert from "node:assert/strict";
import { plainState } from "../cluster/service-calls.ts";
import { type Replica, startReplica } from "../cluster/service-round.ts";
import { eventually } from "../support/eventually.ts";
import type { PrepullProgress, PrepullStatus } from "../support/grpc-messages.ts";
import { createRegistryWriter, type RegistryWriter } from "../support/registry-writer.ts";
import type { RealCluster } from "./cluster.ts";
import { createLabImage, type Image, pushImage } from "./images.ts";

/** Images of their own for one test: nodes and registry are those of the file. */
export interface Repository {
  readonly name: string;
  readonly writer: RegistryWriter;
  /** Pushes an image, one of its own unless given, under these tags; returns its digest. */
  push(tags: readonly string[], image?: Image): Promise<string>;
}

/** What a test may change in the service's configuration, section by section. */
export interface ServiceOptions {
  readonly nodeSelector?: Readonly<Record<string, string>>;
  readonly images?: Readonly<Record<string, unknown>>;
  readonly prepuller?: Readonly<Record<string, unknown>>;
  readonly kubernetes?: Readonly<Record<string, unknown>>;
}

/** The service as a process with the rights of `deploy/`, and who asks it. */
export interface Service extends Replica {
  status(): Promise<PrepullStatus>;
  /** What is said of one image on one node; undefined where nothing is to be done. */
  progress(node: string, digest: string): Promise<PrepullProgress | undefined>;
  /** Waits until nothing is to be pulled and these digests, at least, are known to be on all nodes. */
  untilComplete(digests: readonly string[]): Promise<void>;
  refresh(): Promise<void>;
}

/** For whatever takes a real kubelet: it reads its images every 30 s, and the machine may have other things to do. */
export const PATIENCE = { withinMs: 240_000, everyMs: 100 };

/** The tag of a weekly; the newer, the greater its number. */
export function weekly(number: number): string {
  return `w_${2070 + Math.floor(number / 40)}_${10 + (number % 40)}`;
}

/** What is withdrawn from a node that is left out stays in the status as cancelled. */
const ENDED: ReadonlySet<string> = new Set(["SUCCEEDED", "CANCELLED"]);

/** Opens a repository of the cluster's registry. */
export function openRepository({ registry }: RealCluster, name: string): Repository {
  const writer = createRegistryWriter(`${registry.url}/v2/${name}`, () => registry.credentials);
  return {
    name,
    writer,
    push: async (tags, image) => pushImage(writer, image ?? (await createLabImage()), ...tags),
  };
}

/** Starts the service for one repository, as the Deployment of `deploy/` would. All its weeklies are wanted. */
export async function startService(
  cluster: RealCluster,
  repository: Repository,
  options: ServiceOptions = {},
): Promise<Service> {
  const source = { type: "docker", registry: cluster.registry.host, repository: repository.name };
  const replica = await startReplica({
    images: { source, refreshInterval: "1h", numReleases: 0, numWeeklies: 500, numDailies: 0, ...options.images },
    kubernetes: { kubeconfig: cluster.serviceKubeconfig, ...options.kubernetes },
    prepuller: { enabled: true, ...options.prepuller },
    nodeSelector: options.nodeSelector ?? {},
    http: { listen: "127.0.0.1:0", hookSecretFile: cluster.hookSecretFile },
  });
  cluster.hook.target = replica.process.http;
  const { client } = replica;
  const status = async () => (await client.call("GetPrepullStatus", { pageSize: 1_000 })).status;
  await replica.untilServing();
  return {
    ...replica,
    status,
    async progress(node, digest) {
      const { progress } = await status();
      return progress.find((entry) => entry.node === node && entry.reference.endsWith(digest));
    },
    async untilComplete(digests) {
      await eventually(async () => {
        const { prepulled, pending, progress } = await status();
        const open = progress.filter((entry) => !ENDED.has(plainState(entry)));
        assert.deepEqual({ pending: pending.map(({ image }) => image.tag), open }, { pending: [], open: [] });
        const present = new Set(prepulled.map(({ image }) => image.digest));
        assert.deepEqual(
          digests.filter((digest) => !present.has(digest)),
          [],
        );
      }, PATIENCE);
    },
    async refresh() {
      await client.call("Refresh", {}, 60_000);
    },
    async [Symbol.asyncDispose]() {
      if (cluster.hook.target === replica.process.http) cluster.hook.target = null;
      await replica[Symbol.asyncDispose]();
    },
  };
}
