import type { ConfiguredSource, ServedConfig } from "../config/config.ts";
import { hintsOn } from "../config/hints.ts";
import { DEFAULT_NAME } from "../domain/long-form.ts";
import type { Clock, Logger } from "../ports.ts";
import { type ClosableImageSource, createDockerSource } from "../registry/oci/docker-source.ts";
import type { RegistryLimits } from "../registry/oci/limits.ts";
import type { Metrics } from "../telemetry/metrics.ts";

/** What an image source is made of. */
export interface ImageSourceParts {
  readonly configured: ConfiguredSource;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, "registryRequest" | "registryRetry">;
  /** Other bounds than the defaults. */
  readonly limits?: Partial<RegistryLimits>;
}

/** A source of remote images of the configuration. Google's client is loaded only where it is wanted. */
export async function createImageSource({
  configured: {
    source: { name, connection },
    access,
  },
  clock,
  random,
  logger,
  metrics,
  limits,
}: ImageSourceParts): Promise<ClosableImageSource> {
  const common = {
    clock,
    random,
    logger: logger.child({ component: "registry", ...(name === DEFAULT_NAME ? {} : { source: name }) }),
    observe: requestCounts(metrics),
    limits,
  };
  if (connection.type === "google") {
    const { createGoogleSource } = await import("../registry/google/google-source.ts");
    const { apiEndpoint } = access;
    return await createGoogleSource({ ...connection, ...common, apiEndpoint: apiEndpoint ?? undefined });
  }
  const { insecure, tokenHosts, caFile, certFile, keyFile, credentialsPath } = access;
  return createDockerSource({
    ...common,
    registry: connection.registry,
    repository: connection.repository,
    insecure: insecure ? true : undefined,
    tokenHosts,
    caFile: caFile ?? undefined,
    certFile: certFile ?? undefined,
    keyFile: keyFile ?? undefined,
    credentialsPath: credentialsPath ?? undefined,
  });
}

/** What the image sources of a configuration are made of. */
export interface ImageSourcesParts extends Omit<ImageSourceParts, "configured"> {
  readonly config: ServedConfig;
}

/** All sources of remote images of the configuration, in its order. */
export interface ImageSources {
  readonly all: readonly ClosableImageSource[];
  close(): Promise<void>;
}

/** Creates the sources of remote images. One that cannot be created closes the others. */
export async function createImageSources({ config, ...parts }: ImageSourcesParts): Promise<ImageSources> {
  for (const { path, message } of hintsOn(config)) parts.logger.info({ key: path }, `hint: ${message}`);
  await using created = new AsyncDisposableStack();
  const all: ClosableImageSource[] = [];
  for (const configured of config.sources) {
    const source = await createImageSource({ ...parts, configured });
    created.defer(() => source.close());
    all.push(source);
  }
  const owned = created.move();
  return { all, close: () => owned.disposeAsync() };
}

function requestCounts(metrics: ImageSourceParts["metrics"]) {
  return {
    request: (_host: string, method: string, status: number | null) =>
      metrics.registryRequest(method, status ?? "failed"),
    retried: () => metrics.registryRetry(),
  };
}
