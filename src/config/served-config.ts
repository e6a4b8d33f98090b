import type { Config, ServedConfig } from "./config.ts";
import { ConfigError, type ConfigProblem } from "./config-error.ts";

/**
 * A configuration as this version can serve it. Error: ConfigError, for keys that are understood and not served yet: what they
 * ask for must not be left out without a word.
 */
export function servedConfig(config: Config): ServedConfig {
  const { images, sources, sets, menu, nodeExpressions } = config;
  const notYet = (path: string, isUsed: boolean): readonly ConfigProblem[] =>
    isUsed ? [{ path, message: "this version checks this key and cannot serve it yet: remove the key" }] : [];
  const own = images === null ? 0 : 1;
  const problems = [
    ...notYet("sources", sources.length > own),
    ...notYet("sets", sets.length > own),
    ...notYet("menu", menu.prepulledOnPercent !== 100 || menu.newNodeGraceMs !== 0),
    ...notYet("nodeExpressions", nodeExpressions.length > 0),
  ];
  const [first] = sources;
  if (problems.length > 0 || images === null || first === undefined) throw new ConfigError(problems);
  return { ...config, images, registryAccess: first.access };
}
