import { RegistryDeniedError, RegistryUnavailableError } from "../../domain/errors.ts";
import type { RemoteTag } from "../../domain/tags/remote-tag.ts";
import type { Clock, ImageSource, Logger } from "../../ports.ts";
import { createAuthorizer } from "../auth/authorizer.ts";
import { createCredentialsReader } from "../auth/credentials-file.ts";
import { createTokenClient } from "../auth/token-client.ts";
import { createDispatchers, type TlsFiles } from "../http/dispatchers.ts";
import { createHttpClient, type RequestObserver } from "../http/http-client.ts";
import { defaultLimits, type RegistryLimits } from "./limits.ts";
import { listAllTags } from "./listing.ts";
import { createOperations } from "./operation.ts";
import { type AddressOptions, registryAddress } from "./registry-address.ts";
import { createRegistrySession } from "./registry-session.ts";
import { askTags, throwFailures } from "./tag-answers.ts";
import type { TagSource } from "./tag-lookup.ts";
import { isImageTag } from "./tag-names.ts";
import { createTagResolver } from "./tag-resolver.ts";
import { listUnlessVanished, type VanishedTagsOptions } from "./vanished-tags.ts";

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
export interface ClosableImageSource extends ImageSource, TagSource {
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

  const place = { session, origin, path, limits };
  const listNames = (signal: AbortSignal) => listAllTags(place, signal);
  const resolver = createTagResolver({ ...place, logger, list: listNames });
  const vanished: VanishedTagsOptions = {
    host,
    logger,
    list: async (signal) => (await listNames(signal)).map((tag) => ({ tag, digest: null, sizeBytes: null })),
    async present(tags, signal) {
      const { answers, failures } = await askTags(place, tags, signal);
      throwFailures(failures);
      return tags.filter((tag) => answers.get(tag)?.kind !== "absent");
    },
  };

  /** What the registry says of one tag is no failure of the operation: nothing that was learned is dropped for it. */
  async function lookUp(tag: string, signal: AbortSignal): Promise<RemoteTag | null> {
    const answer = await operation(signal, async (inner) => {
      const { answers, failures } = await askTags(place, [tag].filter(isImageTag), inner);
      throwFailures(failures);
      return answers.get(tag);
    });
    if (answer?.kind === "found") return { tag, digest: answer.digest, sizeBytes: null };
    if (answer === undefined || answer.kind === "absent") return null;
    const text = `tag ${tag} ${answer.reason} at ${host}`;
    throw answer.kind === "refused" && answer.status === 403
      ? new RegistryDeniedError(text)
      : new RegistryUnavailableError(text);
  }

  return {
    registry: address.registry,
    repository: address.repository,
    listTags: (signal, wanted = []) => operation(signal, (inner) => listUnlessVanished(vanished, wanted, inner)),
    resolveTags(tags, signal) {
      const names = [...new Set(tags)].filter(isImageTag);
      return operation(signal, (inner) => resolver.resolve(names, inner));
    },
    lookUpTag: lookUp,
    ignoreRetryAfter: () => http.ignoreRetryAfter(),
    async close() {
      operations.close();
      await dispatchers.close();
    },
  };
}
