import type { ServedConfig } from "../config/config.ts";
import { compilePattern } from "../config/tag-pattern.ts";
import { createCatalogSource } from "../domain/sets/catalog-source.ts";
import type { SetConfig } from "../domain/settings.ts";
import type { ListedSource } from "../service/refresh-effects.ts";
import type { ImageSources } from "./image-source.ts";

/** The sources of the configuration as refreshes list them. */
export function listedSources({ sources, sets }: ServedConfig, { all }: ImageSources): readonly ListedSource[] {
  return all.flatMap((source, at) => {
    const configured = sources[at]?.source;
    if (configured === undefined) return [];
    const catalogSource = createCatalogSource(configured, sets, compilePattern);
    return [{ catalogSource, source, refreshIntervalMs: configured.refreshIntervalMs }];
  });
}

/** The labels that every set asks for: where sets differ all nodes are watched, and filtered here (docs/spec/sets.md, Nodes). */
export function commonSelector([first, ...others]: readonly SetConfig[]): Readonly<Record<string, string>> {
  const labels = Object.entries(first?.selector ?? {});
  return Object.fromEntries(labels.filter(([key, value]) => others.every(({ selector }) => selector[key] === value)));
}
