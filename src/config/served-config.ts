import type { ImageSettings, SourceConfig } from "../domain/settings.ts";
import type { Config, ServedConfig } from "./config.ts";

/** A configuration as it is served: what concerns one source alone is that of the first. */
export function servedConfig(config: Config): ServedConfig {
  const [first] = config.sources;
  if (first === undefined) throw new TypeError("a configuration has a source");
  const { images } = config;
  return { ...config, images: images ?? imagesOf(first.source), hasImages: images !== null };
}

/** What answers that know one source alone show of it, where there is no `images:`. */
function imagesOf({ connection, refreshIntervalMs, pullTimeoutMs }: SourceConfig): ImageSettings {
  return {
    source: connection,
    refreshInterval: refreshIntervalMs,
    prepullTimeout: pullTimeoutMs,
    recommendedTag: "",
    numReleases: 0,
    numWeeklies: 0,
    numDailies: 0,
    cycle: null,
    pin: [],
    aliasTags: [],
  };
}
