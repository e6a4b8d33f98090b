import type { Config, ServedConfig } from "./config.ts";
import { ConfigError } from "./config-error.ts";

/**
 * A configuration as this version can serve it. Error: ConfigError, for sources besides that of `images:`, which are understood
 * and not served yet: what they ask for must not be left out without a word.
 */
export function servedConfig(config: Config): ServedConfig {
  const { images, sources } = config;
  const [first, ...others] = sources;
  if (images === null || first === undefined || others.length > 0) {
    const message = "this version checks this key and cannot serve it yet: remove the key";
    throw new ConfigError([{ path: "sources", message }]);
  }
  return { ...config, images, registryAccess: first.access };
}
