import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type SimulatedKubernetes, startKubernetesApi } from "../../../src/simulation/kubernetes/kubernetes-api.ts";
import type { JsonObject } from "../../../src/simulation/kubernetes/kubernetes-objects.ts";
import { type SimulatedRegistry, startOciRegistry } from "../../../src/simulation/registry/oci-registry.ts";
import type { RegistryAuth } from "../../../src/simulation/registry/oci-registry-auth.ts";
import { type FaultProxy, startFaultProxy } from "../../support/fault-proxy.ts";

/** Where the images of the tests are, below the registry's host. */
const REPOSITORY = "lab/sketchbook";

/** A configuration file's content. */
export type ConfigContent = Readonly<Record<string, unknown>>;

/** Changes to a configuration: what is in the two sections is laid over them, any other key takes the place of its like. */
export interface ConfigChanges {
  readonly images?: ConfigContent;
  readonly kubernetes?: ConfigContent;
  readonly [key: string]: unknown;
}

/** How the peers begin. */
export interface PeerOptions {
  /** Whether they can be reached at the start. */
  readonly reachable?: boolean;
  readonly auth?: RegistryAuth;
}

/**
 * What the service stands between: a registry and a cluster, with servers that behave, each behind a proxy that can cut
 * it off or slow it down. The service is told of the proxies only.
 */
export interface Peers extends AsyncDisposable {
  readonly registry: SimulatedRegistry;
  readonly registryProxy: FaultProxy;
  readonly cluster: SimulatedKubernetes;
  readonly clusterProxy: FaultProxy;
  /** `host:port/repository`: what stands before the tag in every reference. */
  readonly place: string;
  /** Pushes a tag; the same content is the same digest. The content is the tag itself unless told. Answers the digest. */
  push(tag: string, content?: string): string;
  /** Takes a tag away. */
  remove(tag: string): void;
  /** `place:tag`. */
  reference(tag: string): string;
  /** `place:tag@digest`, with the digest that the tag was pushed with last. */
  pullReference(tag: string): string;
  /** Adds a node, or replaces it whole, with the images of these tags as they are now. */
  setNode(name: string, tags?: readonly string[], more?: JsonObject): void;
  /** Lets a node report the images of these tags. */
  report(name: string, tags: readonly string[]): void;
  /**
   * The content of a configuration file for these two. Refreshes are an hour apart and nothing is prepulled
   * unless the changes say so.
   */
  config(changes?: ConfigChanges): ConfigContent;
}

/** Starts an empty registry and an empty cluster. */
export async function startPeers({ reachable = true, auth = { kind: "none" } }: PeerOptions = {}): Promise<Peers> {
  await using started = new AsyncDisposableStack();
  const registry = started.adopt(await startOciRegistry({ auth }), (it) => it.close());
  const cluster = started.adopt(await startKubernetesApi(), (it) => it.close());
  const proxyTo = (port: number) => startFaultProxy({ host: "127.0.0.1", port });
  const registryProxy = started.adopt(await proxyTo(registry.port), (it) => it.close());
  const clusterProxy = started.adopt(await proxyTo(cluster.port), (it) => it.close());
  const folder = await mkdtemp(join(tmpdir(), "lab-images-e2e-"));
  started.defer(() => rm(folder, { recursive: true, force: true }));
  const kubeconfig = join(folder, "kubeconfig");
  await writeFile(kubeconfig, cluster.kubeconfig.replace(String(cluster.port), String(clusterProxy.port)));
  if (!reachable) for (const proxy of [registryProxy, clusterProxy]) proxy.setFault({ kind: "refuse" });
  const stack = started.move();
  const host = `127.0.0.1:${registryProxy.port}`;
  return {
    registry,
    registryProxy,
    cluster,
    clusterProxy,
    ...imagesOf(registry, cluster, `${host}/${REPOSITORY}`),
    config: (changes = {}) => configFor(host, kubeconfig, changes),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

function imagesOf(registry: SimulatedRegistry, cluster: SimulatedKubernetes, place: string) {
  const digests = new Map<string, string>();
  const reference = (tag: string) => `${place}:${tag}`;
  const pullReference = (tag: string) => `${reference(tag)}@${digests.get(tag)}`;
  const imagesAt = (tags: readonly string[]): JsonObject[] =>
    tags.map((tag) => ({ names: [`${place}@${digests.get(tag)}`, reference(tag)], sizeBytes: 4_000_000_000 }));
  return {
    place,
    reference,
    pullReference,
    push(tag: string, content = tag): string {
      const digest = registry.push(REPOSITORY, tag, { content });
      digests.set(tag, digest);
      return digest;
    },
    remove: (tag: string): void => void registry.remove(REPOSITORY, tag),
    setNode(name: string, tags: readonly string[] = [], { metadata, ...more }: JsonObject = {}): void {
      const labels = { "kubernetes.io/arch": "amd64" };
      const named = { name, labels, ...(metadata as JsonObject | undefined) };
      cluster.putNode({ metadata: named, spec: {}, status: { images: imagesAt(tags) }, ...more });
    },
    report(name: string, tags: readonly string[]): void {
      cluster.patchNode(name, { status: { images: imagesAt(tags) } });
    },
  };
}

function configFor(registry: string, kubeconfig: string, changes: ConfigChanges): ConfigContent {
  const { images = {}, kubernetes = {}, ...others } = changes;
  return {
    images: {
      source: { type: "docker", registry, repository: REPOSITORY },
      refreshInterval: "1h",
      numDailies: 1,
      ...images,
    },
    kubernetes: { kubeconfig, ...kubernetes },
    prepuller: { enabled: false },
    ...others,
  };
}
