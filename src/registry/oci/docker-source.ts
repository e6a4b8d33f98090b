import type { RemoteTag } from "../../domain/tags/remote-tag.ts";
import { forEachConcurrently } from "../../lib/concurrency.ts";
import type { Clock, ImageSource, Logger } from "../../ports.ts";
import { createAuthorizer } from "../auth/authorizer.ts";
import { createCredentialsReader } from "../auth/credentials-file.ts";
import { createTokenClient } from "../auth/token-client.ts";
import { createDispatchers, type TlsFiles } from "../http/dispatchers.ts";
import { createHttpClient, type RequestObserver } from "../http/http-client.ts";
import { defaultLimits, type RegistryLimits } from "./limits.ts";
import { listAllTags } from "./listing.ts";
import { manifestDigest } from "./manifest-digest.ts";
import { createOperations } from "./operation.ts";
import { type AddressOptions, registryAddress } from "./registry-address.ts";
import { createRegistrySession } from "./registry-session.ts";
import { isImageTag } from "./tag-names.ts";

/** `images.source` of type `docker`, and what it works with. */
export interface DockerSourceOptions extends AddressOptions, TlsFiles {
  /** `images.dockerCredentialsPath`: a file in the `.dockerconfigjson` format. */
  readonly credentialsPath?: string | undefined;
  readonly clock: Clock;
  /** In [0, 1): jitter. */
  readonly random: () => number;
  readonly logger: Logger;
  readonly limits?: Partial<RegistryLimits> | undefined;
  readonly observe?: RequestObserver | undefined;
}

/** An image source that holds connections. */
export interface ClosableImageSource extends ImageSource {
  /** Ends what is under way with a RegistryUnavailableError and closes all connections. */
  close(): Promise<void>;
}

/**
 * Any OCI registry as a source of remote images. A refresh costs the pages of one listing, one HEAD for each tag that
 * is resolved, and a token now and then; the first request of all is answered with a challenge where the registry wants
 * one. Throws a TypeError where an option is not of its form; nothing is sent before the first call.
 */
export function createDockerSource(options: DockerSourceOptions): ClosableImageSource {
  const { clock, random, logger, observe } = options;
  const limits: RegistryLimits = { ...defaultLimits, ...options.limits };
  // An authority of one's own is for TLS: then loopback is spoken to over https as well.
  const insecure = options.insecure ?? (options.caFile === undefined ? undefined : false);
  const address = registryAddress({ ...options, insecure });
  const { origin, path } = address;
  const host = new URL(origin).host;
  const dispatchers = createDispatchers({
    ...options,
    registry: new URL(origin),
    connections: limits.concurrency,
    connectTimeoutMs: limits.requestTimeoutMs,
  });
  const http = createHttpClient({ dispatchers, limits, clock, random, logger, observe });
  const tokens = createTokenClient({ http, limits, clock, realmHosts: address.realmHosts });
  const credentials = createCredentialsReader(options.credentialsPath, logger);
  const authorizer = createAuthorizer({ address, credentials, tokens, clock, logger });
  const session = createRegistrySession({ origin, http, authorizer, limits, clock });
  const operations = createOperations(clock, limits.operationTimeoutMs, host);

  /**
   * Looks first whether certificates or credentials have changed. A failure may be due to anything that was learned from
   * the registry before: all of it is dropped, so that the next operation starts as the first one did (faults, L1).
   */
  function operation<T>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return operations.run(signal, async (inner) => {
      await dispatchers.refresh();
      await authorizer.begin();
      try {
        return await work(inner);
      } catch (error) {
        if (!signal.aborted) {
          authorizer.forgetAll(error);
          dispatchers.forget();
        }
        throw error;
      }
    });
  }

  async function resolveAll(tags: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, RemoteTag>> {
    const resolved = new Map<string, RemoteTag>();
    await forEachConcurrently(
      [...new Set(tags)].filter(isImageTag),
      limits.concurrency,
      signal,
      async (tag, workSignal) => {
        const digest = await manifestDigest({ session, origin, path, limits }, tag, workSignal);
        if (digest === null) logger.info({ tag, registry: host }, "tag does not exist any more and is left out");
        else resolved.set(tag, { tag, digest, sizeBytes: null });
      },
    );
    return resolved;
  }

  return {
    registry: address.registry,
    repository: address.repository,
    async listTags(signal) {
      const tags = await operation(signal, (inner) => listAllTags({ session, origin, path, limits }, inner));
      return tags.map((tag) => ({ tag, digest: null, sizeBytes: null }));
    },
    resolveTags: (tags, signal) => operation(signal, (inner) => resolveAll(tags, inner)),
    ignoreRetryAfter: () => http.ignoreRetryAfter(),
    async close() {
      operations.close();
      await dispatchers.close();
    },
  };
}
