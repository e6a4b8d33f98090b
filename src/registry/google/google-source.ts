import { RegistryUnavailableError } from "../../domain/errors.ts";
import { repositoryOf } from "../../domain/images/repository.ts";
import type { RemoteTag } from "../../domain/tags/remote-tag.ts";
import type { Clock, Logger } from "../../ports.ts";
import type { RequestObserver } from "../http/http-client.ts";
import type { ClosableImageSource } from "../oci/docker-source.ts";
import { defaultLimits, type RegistryLimits } from "../oci/limits.ts";
import { createOperations } from "../oci/operation.ts";
import { listUnlessVanished, type VanishedTagsOptions } from "../oci/vanished-tags.ts";
import { remoteTagsOf } from "./google-images.ts";
import { createImagePages, type ImagePages } from "./google-pages.ts";

/** `images.source` of type `google`, and what it works with. */
export interface GoogleSourceOptions {
  /** A region such as `us-central1`, or a multi-region such as `us`. */
  readonly location: string;
  readonly projectId: string;
  readonly repository: string;
  readonly image: string;
  /** `host:port` of the API, for tests: plaintext and without credentials on loopback. Google's own unless given. */
  readonly apiEndpoint?: string | undefined;
  readonly clock: Clock;
  /** In [0, 1): jitter. */
  readonly random: () => number;
  readonly logger: Logger;
  readonly limits?: Partial<RegistryLimits> | undefined;
  readonly observe?: RequestObserver | undefined;
}

/**
 * All tags of the image called `name`, by tag. A tag that moves while the pages are read can stand in two of them: the
 * later page counts.
 */
async function listAll(
  pages: ImagePages,
  name: string,
  limits: RegistryLimits,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, RemoteTag>> {
  const tags = new Map<string, RemoteTag>();
  const seen = new Set<string>();
  let token = "";
  do {
    if (seen.has(token)) throw new RegistryUnavailableError(`${pages.host} lists images in a pagination loop`);
    if (seen.size >= limits.maxPages) {
      throw new RegistryUnavailableError(`${pages.host} lists images in more than ${limits.maxPages} pages`);
    }
    if (tags.size > limits.maxTags) {
      throw new RegistryUnavailableError(`${pages.host} lists more than ${limits.maxTags} tags`);
    }
    seen.add(token);
    const { images, nextToken } = await pages.read(token, signal);
    for (const image of images) {
      for (const tag of remoteTagsOf(image, name)) tags.set(tag.tag, tag);
    }
    token = nextToken;
  } while (token !== "");
  return tags;
}

/**
 * Google Artifact Registry as a source of remote images, through Google's own client and, unless the environment names
 * other credentials, workload identity. Its listing has digest and size of every tag, so `resolveTags` is hardly ever
 * needed; it reads a fresh listing.
 */
export async function createGoogleSource(options: GoogleSourceOptions): Promise<ClosableImageSource> {
  const { location, projectId, apiEndpoint, clock, random, logger, observe } = options;
  const limits: RegistryLimits = { ...defaultLimits, ...options.limits };
  const { registry, repository } = repositoryOf({ ...options, type: "google" });
  const parent = `projects/${projectId}/locations/${location}/repositories/${options.repository}`;
  const pages = createImagePages({ parent, apiEndpoint, limits, clock, random, logger, observe });
  const operations = createOperations(clock, limits.operationTimeoutMs, pages.host);
  const list = (signal: AbortSignal) => listAll(pages, `${registry}/${repository}`, limits, signal);
  const vanished: VanishedTagsOptions = {
    host: pages.host,
    logger,
    list: async (signal) => [...(await list(signal)).values()],
    // The list is all that the API says of tags: there is nothing else to ask.
    present: async () => [],
  };

  return {
    registry,
    repository,
    listTags: (signal, wanted = []) => operations.run(signal, (inner) => listUnlessVanished(vanished, wanted, inner)),
    lookUpTag: async (tag, signal) => (await operations.run(signal, list)).get(tag) ?? null,
    async resolveTags(tags, signal) {
      const listed = await operations.run(signal, list);
      const wanted = tags.map((tag) => listed.get(tag)).filter((tag) => tag !== undefined);
      return new Map(wanted.map((tag) => [tag.tag, tag]));
    },
    // Google's client sends none on.
    ignoreRetryAfter: () => undefined,
    async close() {
      operations.close();
      pages.close();
    },
  };
}
