/**
 * The simulated registry and cluster in a process of their own, so that what they cost is not measured as the service's.
 */
import { startKubernetesApi } from "../../../src/simulation/kubernetes/kubernetes-api.ts";
import type { JsonObject } from "../../../src/simulation/kubernetes/kubernetes-objects.ts";
import { startOciRegistry } from "../../../src/simulation/registry/oci-registry.ts";
import { imagesOnNode, nodeName, sizeOnNodes, tagNames, type WorldSize } from "../content.ts";
import { answerParent } from "./remote.ts";

/** Where the images are, below the registry's host. */
const REPOSITORY = "library/sketchbook";
/** As large as real registries have them. */
const TAGS_A_PAGE = 1_000;

const registry = await startOciRegistry({ behaviour: { pageSize: TAGS_A_PAGE } });
const cluster = await startKubernetesApi();
/** Digests by the numbers of `imagesOnNode`. */
const digests: string[] = [];
const entries = new Map<number, JsonObject>();

function pushTags(count: number): void {
  const names = tagNames(count);
  for (const [at, tag] of names.entries()) {
    const target = ALIASES[tag];
    const digest = registry.push(REPOSITORY, tag, target === undefined ? {} : { digest: pushNow(target) });
    if (digests.length < 600) digests[at] = digest;
  }
}

const ALIASES: Readonly<Record<string, string>> = {
  recommended: "w_2077_51",
  latest_weekly: "w_2077_52",
  latest_daily: "d_2077_10_23",
  latest_release: "r400_0_0",
};

function pushNow(tag: string): string {
  return registry.push(REPOSITORY, tag);
}

/** One entry of `status.images`, shared between nodes. */
function imageEntry(image: number): JsonObject {
  const known = entries.get(image);
  if (known !== undefined) return known;
  const digest = digests[image] ?? `sha256:${image.toString(16).padStart(64, "0")}`;
  const place = `${registry.host}/${REPOSITORY}`;
  const entry = { names: [`${place}@${digest}`, `${place}:tag_${image}`], sizeBytes: sizeOnNodes(image) };
  entries.set(image, entry);
  return entry;
}

function putNode(name: string, images: readonly number[]): void {
  cluster.putNode({
    metadata: { name, labels: { "kubernetes.io/arch": "amd64" } },
    spec: {},
    status: { images: images.map(imageEntry) },
  });
}

const handlers = {
  /** Fills the world, which is empty at first; aliases are part of the tags. */
  fill({ tags, nodes, imagesPerNode }: WorldSize) {
    if (tags > 0) pushTags(tags);
    for (let number = 0; number < nodes; number++) putNode(nodeName(number), imagesOnNode(number, imagesPerNode));
    const { kubeconfig } = cluster;
    return { registryHost: registry.host, repository: REPOSITORY, kubeconfig };
  },
  /** Pushes one more tag. */
  push: (tag: string) => registry.push(REPOSITORY, tag),
  /** Adds a node, or gives it other images. */
  putNode: ({ name, images }: { readonly name: string; readonly images: readonly number[] }) => putNode(name, images),
  /** Gives all of so many nodes other images at once: in each round others than in the one before. */
  changeAll({ nodes, imagesPerNode, round }: { readonly round: number } & Pick<WorldSize, "nodes" | "imagesPerNode">) {
    for (let number = 0; number < nodes; number++)
      putNode(nodeName(number), imagesOnNode(number + round, imagesPerNode));
  },
  /** What the registry has been asked since the last call of this: methods and paths. */
  takeRequests(_: null) {
    const taken = registry.requests.map(({ method, path }) => ({ method, path }));
    registry.clearRequests();
    return taken;
  },
};

/** See the handlers. */
export type WorldHandlers = typeof handlers;

answerParent(handlers);
