import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type SimulatedKubernetes, startKubernetesApi } from "../../src/simulation/kubernetes/kubernetes-api.ts";
import { eventually } from "../support/eventually.ts";
import { connectClient, type ImageServiceClient } from "../support/grpc-client.ts";
import type { SourceStatus } from "../support/grpc-messages.ts";
import { type LogLine, startServiceProcess } from "../support/service-process.ts";

/** The whole service as a process, between a registry and a simulated cluster with one node. */
export interface ServiceOnSource {
  readonly client: ImageServiceClient;
  /** `127.0.0.1:port`. */
  readonly http: string;
  readonly log: readonly LogLine[];
  /** The tags of all images, in the order of the answer. */
  tags(): Promise<readonly string[]>;
  /** What the status says of the registry. */
  registryStatus(): Promise<SourceStatus>;
  /** Waits until the first snapshot is there. */
  serving(): Promise<void>;
  /** All that the service tells anybody without being asked for an image: log, metrics, readiness and status. */
  everythingTold(): Promise<string>;
}

/** What of a configuration file is the test's. */
export interface ServiceSettings {
  /** `images.source`. */
  readonly source: Readonly<Record<string, unknown>>;
  /** Into `images`. */
  readonly images?: Readonly<Record<string, unknown>>;
  /** Into `http`. */
  readonly http?: Readonly<Record<string, unknown>>;
  /** `prepuller`. */
  readonly prepuller?: Readonly<Record<string, unknown>>;
  /** The cluster, where several replicas share one. */
  readonly cluster?: SimulatedKubernetes;
}

/** A directory for the files of one test. */
export async function scratchDirectory(context: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "service-"));
  context.after(() => rm(directory, { recursive: true }));
  return directory;
}

/** Writes a credentials file with one entry; written again, it changes. */
export async function writeCredentials(path: string, host: string, entry: object): Promise<void> {
  await writeFile(path, JSON.stringify({ auths: { [host]: entry } }));
}

/** A simulated cluster with one node; ends with the test. */
export async function startCluster(context: TestContext): Promise<SimulatedKubernetes> {
  const cluster = await startKubernetesApi();
  context.after(() => cluster.close());
  cluster.putNode({ metadata: { name: "alder" }, spec: {}, status: { images: [] } });
  return cluster;
}

/** Starts the service on a source; ends with the test. It refreshes once an hour unless the settings say otherwise. */
export async function startServiceOn(context: TestContext, settings: ServiceSettings): Promise<ServiceOnSource> {
  const cluster = settings.cluster ?? (await startCluster(context));
  const kubeconfig = join(await scratchDirectory(context), "kubeconfig");
  await writeFile(kubeconfig, cluster.kubeconfig);
  const service = await startServiceProcess({
    images: { source: settings.source, refreshInterval: "1h", ...settings.images },
    kubernetes: { kubeconfig },
    http: { listen: "127.0.0.1:0", ...settings.http },
    prepuller: settings.prepuller ?? { enabled: false },
    logLevel: "debug",
  });
  context.after(() => service.stop());
  const client = connectClient(service.grpc);
  context.after(() => client.close());
  const page = async (path: string) => (await fetch(`http://${service.http}${path}`)).text();
  return {
    client,
    http: service.http,
    log: service.log,
    tags: async () => (await client.call("ListImages", {})).images.map(({ tag }) => tag),
    async registryStatus() {
      const { status } = await client.call("GetPrepullStatus", {});
      const found = status.sources.find(({ name }) => name === "registry");
      assert.ok(found !== undefined);
      return found;
    },
    serving: () => eventually(async () => assert.equal(await client.health(), "SERVING"), { withinMs: 10_000 }),
    async everythingTold() {
      const paths = ["/metrics", "/readyz", "/livez", "/spawner/v1/images", "/spawner/v1/prepulls"];
      const pages = await Promise.all(paths.map(page));
      const status = await client.call("GetPrepullStatus", {});
      return [...service.log.map((line) => JSON.stringify(line)), ...pages, JSON.stringify(status)].join("\n");
    },
  };
}
