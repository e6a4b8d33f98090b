import { isDeepStrictEqual } from "node:util";
import { DEFAULT_NAME, defaultSet } from "../domain/long-form.ts";
import type { ImageSettings, Rule, SetConfig } from "../domain/settings.ts";
import type { ConfiguredSource } from "./config.ts";

/** A pattern that matches one tag only. */
const ONE_TAG = /^(?:[\w-]|\\\.)+$/;

/**
 * The `images:` that a source and a set `default` stand for; null where no `images:` stands for them. So a configuration is the same in
 * its long form.
 * @param ownNodes whether the set has nodes of its own, which `images:` has not
 */
export function imagesOf({ source }: ConfiguredSource, set: SetConfig, ownNodes: boolean): ImageSettings | null {
  const { scheme, aliases, ignore, pullSecret } = source;
  if (source.name !== DEFAULT_NAME || set.name !== DEFAULT_NAME || set.order !== "display" || ownNodes) return null;
  if (scheme.name !== "rubin" || ignore.length > 0 || pullSecret !== null) return null;
  const [first, releases, weeklies, dailies, pins, ...others] = set.rules;
  if (first?.kind !== "alias" || others.length > 0 || !aliases.every((pattern) => ONE_TAG.test(pattern))) return null;
  const images: ImageSettings = {
    source: source.connection,
    refreshInterval: source.refreshIntervalMs,
    prepullTimeout: source.pullTimeoutMs,
    recommendedTag: first.alias,
    numReleases: countOf(releases),
    numWeeklies: countOf(weeklies),
    numDailies: countOf(dailies),
    cycle: scheme.cycle,
    pin: pins?.kind === "pin" ? pins.pin : [],
    aliasTags: aliases.map((pattern) => pattern.replaceAll("\\", "")).filter((tag) => tag !== first.alias),
  };
  return isDeepStrictEqual(defaultSet(images, set).rules, set.rules) ? images : null;
}

function countOf(rule: Rule | undefined): number {
  return rule?.kind === "newest" ? rule.newest : 0;
}
