/** The simulated registries and the cluster, in a process of their own: what they hold is not the service's. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { startKubernetesApi } from "../../src/simulation/kubernetes/kubernetes-api.ts";
import type { JsonObject } from "../../src/simulation/kubernetes/kubernetes-objects.ts";
import { startOciRegistry } from "../../src/simulation/registry/oci-registry.ts";
import { digestOf, imagesOnNode, nodeName, sizeOnNodes, tagNames } from "../bench/content.ts";
import { answerParent } from "../bench/processes/remote.ts";
import { type GoogleServer, startGoogleServer } from "../registry/google-server.ts";
import { HOSTILE_PAGES } from "./hostile-pages.ts";

const REPOSITORY = "library/sketchbook";
const GOOGLE = { location: "us", projectId: "lab", repository: "images", image: "sketchbook" };
const PARENT = `projects/${GOOGLE.projectId}/locations/${GOOGLE.location}/repositories/${GOOGLE.repository}`;
const TAGS_A_PAGE = 1_000;
/** Tags that the service may want, which have content of their own; the others share one manifest. */
const WANTED = 200;
const LONGEST_TAG = 128;

const registry = await startOciRegistry({ behaviour: { pageSize: TAGS_A_PAGE } });
const cluster = await startKubernetesApi();
const google: GoogleServer = await startGoogleServer();

/** Every other one has a name of the longest that is allowed. */
function names(count: number, round: number): readonly string[] {
  const long = (name: string, at: number) => `${name}_${round}_${at}`.padEnd(LONGEST_TAG, "x");
  return tagNames(count).map((name, at) => (at < WANTED || at % 2 === 0 ? name : long(name, at)));
}

function setTags(tags: readonly string[]): void {
  for (const tag of [...registry.tags(REPOSITORY)]) registry.remove(REPOSITORY, tag);
  const shared = registry.push(REPOSITORY, "shared");
  for (const [at, tag] of tags.entries()) registry.push(REPOSITORY, tag, at < WANTED ? {} : { digest: shared });
}

/** One image of `tags`, and one for each of `alone`. */
function setGoogleTags(tags: readonly string[], alone: readonly string[]): void {
  const place = `${GOOGLE.location}-docker.pkg.dev/${GOOGLE.projectId}/${GOOGLE.repository}/${GOOGLE.image}`;
  const image = (of: readonly string[], at: number) => ({
    uri: `${place}@${digestOf(at)}`,
    tags: of,
    imageSizeBytes: "4000000000",
  });
  const single = alone.map((tag, at) => image([tag], at + 1));
  google.repositories.set(PARENT, tags.length === 0 ? single : [image(tags, 0), ...single]);
}

function setNodes(count: number, imagesPerNode: number, round: number): void {
  for (const { metadata } of cluster.list("nodes").slice(count)) cluster.deleteNode(metadata.name);
  const place = `${registry.host}/${REPOSITORY}`;
  const entry = (image: number): JsonObject => ({
    names: [`${place}@${digestOf(image)}`, `${place}:tag_${image}`],
    sizeBytes: sizeOnNodes(image),
  });
  for (let number = 0; number < count; number += 1) {
    cluster.putNode({
      metadata: { name: nodeName(number), labels: { "kubernetes.io/arch": "amd64" } },
      spec: {},
      status: { images: imagesOnNode(number + round, imagesPerNode).map(entry) },
    });
  }
}

const handlers = {
  start(_: null) {
    const { kubeconfig } = cluster;
    return {
      host: registry.host,
      repository: REPOSITORY,
      google: { ...GOOGLE, endpoint: google.endpoint },
      kubeconfig,
    };
  },
  /** A number of tags: other ones in each round, except those that the service wants. */
  setTags: ({ count, round }: { readonly count: number; readonly round: number }) => setTags(names(count, round)),
  /** `shared` tags on one digest, and `alone` that have one each. */
  setGoogleTags({ shared, alone }: { readonly shared: number; readonly alone: number }) {
    const own = tagNames(alone);
    setGoogleTags(
      Array.from({ length: shared }, (_, at) => `exp_w_2077_01_alias_${at}`),
      own,
    );
  },
  setNodes: (want: { readonly count: number; readonly imagesPerNode: number; readonly round: number }) =>
    setNodes(want.count, want.imagesPerNode, want.round),
  /** Answers every list of tags with this page; null: as a registry should. */
  setPage(name: string | null) {
    const page = name === null ? null : HOSTILE_PAGES[name];
    registry.behaviour.intercept =
      page == null
        ? null
        : (request: IncomingMessage, response: ServerResponse) => {
            if (request.url?.includes("/tags/list") !== true) return false;
            page(request, response);
            return true;
          };
  },
};

/** See the handlers. */
export type WorldHandlers = typeof handlers;

answerParent(handlers);
