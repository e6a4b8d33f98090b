import { repositoryOf } from "../images/repository.ts";
import { DEFAULT_NAME, defaultSet } from "../long-form.ts";
import { createRubinScheme } from "../schemes/rubin.ts";
import { createTagReader } from "../schemes/tag-reader.ts";
import type { ImageSettings } from "../settings.ts";
import { type CatalogSource, rulesOn } from "./catalog-source.ts";

/** The source that `images:` alone stands for, with the rules of its set. */
export function createDefaultSource(images: ImageSettings): CatalogSource {
  const aliasTags = new Set([images.recommendedTag, ...images.aliasTags]);
  const set = defaultSet(images, { selector: {}, expressions: [], tolerations: [] });
  return {
    name: DEFAULT_NAME,
    ...repositoryOf(images.source),
    reader: createTagReader({ scheme: createRubinScheme(images.cycle), ignore: [], aliases: [], aliasTags }),
    asksForDigests: images.source.type === "docker",
    rules: rulesOn(DEFAULT_NAME, [set]),
  };
}
