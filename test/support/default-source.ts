import { repositoryOf } from "../../src/domain/images/repository.ts";
import { DEFAULT_NAME, defaultSet } from "../../src/domain/long-form.ts";
import { createRubinScheme } from "../../src/domain/schemes/rubin.ts";
import { createTagReader } from "../../src/domain/schemes/tag-reader.ts";
import { type CatalogSource, rulesOn } from "../../src/domain/sets/catalog-source.ts";
import type { DropdownPolicy, ImageSettings, SetConfig } from "../../src/domain/settings.ts";
import type { SnapshotSettings } from "../../src/domain/snapshot/snapshot.ts";

/** The source that `images:` alone stands for, with the rules of its set. */
export function createDefaultSource(images: ImageSettings): CatalogSource {
  const aliasTags = new Set([images.recommendedTag, ...images.aliasTags]);
  return {
    name: DEFAULT_NAME,
    ...repositoryOf(images.source),
    reader: createTagReader({ scheme: createRubinScheme(images.cycle), ignore: [], aliases: [], aliasTags }),
    asksForDigests: images.source.type === "docker",
    rules: rulesOn(DEFAULT_NAME, [setOf(images)]),
  };
}

/** What snapshots of `images:` alone rest on. */
export function defaultSettings(images: ImageSettings, dropdown: DropdownPolicy): SnapshotSettings {
  const menu = { prepulledOnPercent: 100, newNodeGraceMs: 0 };
  return { sources: [DEFAULT_NAME], sets: [setOf(images)], menu, dropdown, images };
}

function setOf(images: ImageSettings): SetConfig {
  return defaultSet(images, { selector: {}, expressions: [], tolerations: [] });
}
