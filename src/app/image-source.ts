import type { ServedConfig } from "../config/config.ts";
import { hintsOn } from "../config/hints.ts";
import type { Clock, Logger } from "../ports.ts";
import { type ClosableImageSource, createDockerSource } from "../registry/oci/docker-source.ts";
import type { RegistryLimits } from "../registry/oci/limits.ts";
import type { Metrics } from "../telemetry/metrics.ts";

/** What an image source is made of. */
export interface ImageSourceParts {
  readonly config: ServedConfig;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, "registryRequest" | "registryRetry">;
  /** Other bounds than the defaults. */
  readonly limits?: Partial<RegistryLimits>;
}

/** The source of remote images that the configuration names. Google's client is loaded only where it is wanted. */
export async function createImageSource({
  config,
  clock,
  random,
  logger,
  metrics,
  limits,
}: ImageSourceParts): Promise<ClosableImageSource> {
  const { source } = config.images;
  for (const { path, message } of hintsOn(config)) logger.info({ key: path }, `hint: ${message}`);
  const common = {
    clock,
    random,
    logger: logger.child({ component: "registry" }),
    observe: requestCounts(metrics),
    limits,
  };
  if (source.type === "google") {
    const { createGoogleSource } = await import("../registry/google/google-source.ts");
    const { apiEndpoint } = config.registryAccess;
    return await createGoogleSource({ ...source, ...common, apiEndpoint: apiEndpoint ?? undefined });
  }
  const { insecure, tokenHosts, caFile, certFile, keyFile, credentialsPath } = config.registryAccess;
  return createDockerSource({
    ...common,
    registry: source.registry,
    repository: source.repository,
    insecure: insecure ? true : undefined,
    tokenHosts,
    caFile: caFile ?? undefined,
    certFile: certFile ?? undefined,
    keyFile: keyFile ?? undefined,
    credentialsPath: credentialsPath ?? undefined,
  });
}

function requestCounts(metrics: ImageSourceParts["metrics"]) {
  return {
    request: (_host: string, method: string, status: number | null) =>
      metrics.registryRequest(method, status ?? "failed"),
    retried: () => metrics.registryRetry(),
  };
}
