import type { Toleration } from "./nodes/node-report.ts";
import type { ImageSettings, NewestRule, NodeExpression, Rule, SetConfig, SourceConfig } from "./settings.ts";

/** The name that `images:` takes among sources and sets. */
export const DEFAULT_NAME = "default";

/** Which nodes a set has where it does not say so itself. */
export interface NodeDefaults {
  readonly selector: Readonly<Record<string, string>>;
  readonly expressions: readonly NodeExpression[];
  readonly tolerations: readonly Toleration[];
}

/** The source that `images:` stands for (docs/spec/sets.md, Configuration). */
export function defaultSource(images: ImageSettings): SourceConfig {
  return {
    name: DEFAULT_NAME,
    connection: images.source,
    refreshIntervalMs: images.refreshInterval,
    pullTimeoutMs: images.prepullTimeout,
    pullSecret: null,
    scheme: { name: "rubin", cycle: images.cycle },
    ignore: [],
    aliases: defaultAliases(images.recommendedTag, images.aliasTags),
  };
}

/** The aliases of the source that `images:` stands for, as patterns of one tag each. */
export function defaultAliases(recommendedTag: string, aliasTags: readonly string[]): readonly string[] {
  return [...new Set([recommendedTag, ...aliasTags])].map(patternOfTag);
}

/** The set that `images:` stands for: the recommended image, the newest of each class, the pins. */
export function defaultSet(images: ImageSettings, nodes: NodeDefaults): SetConfig {
  const rules: Rule[] = [
    { kind: "alias", source: DEFAULT_NAME, alias: images.recommendedTag, until: null },
    newestOf("release", images.numReleases),
    newestOf("weekly", images.numWeeklies),
    newestOf("daily", images.numDailies),
  ];
  if (images.pin.length > 0) rules.push({ kind: "pin", source: DEFAULT_NAME, pin: images.pin, until: null });
  const { selector, expressions, tolerations } = nodes;
  return { name: DEFAULT_NAME, selector, expressions, tolerations, rules, order: "display" };
}

function newestOf(ofClass: string, newest: number): NewestRule {
  return {
    kind: "newest",
    source: DEFAULT_NAME,
    newest,
    class: ofClass,
    range: null,
    within: null,
    since: null,
    variant: null,
    newestPer: null,
    until: null,
  };
}

/** The pattern that matches one tag: of the characters of a tag only the point means something in patterns. */
function patternOfTag(tag: string): string {
  return tag.replaceAll(".", String.raw`\.`);
}
