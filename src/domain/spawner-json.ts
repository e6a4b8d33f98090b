import type { ImageList, NodeImage, NodeStatus, PrepullImages } from "./answers.ts";
import type { Image } from "./image.ts";
import type { ImageSettings, SourceSettings } from "./settings.ts";
import { compareCodePoints } from "./text-order.ts";

/*
 * The bodies of the original's routes (api.md, HTTP), field for field: names in snake case, durations in seconds. The
 * first leaves out what is null, the second keeps it.
 */

/** The body of `/spawner/v1/images`. */
export function spawnerImagesJson(list: ImageList): object {
  return {
    ...entry("recommended", list.recommended),
    ...entry("latest_weekly", list.latestWeekly),
    ...entry("latest_daily", list.latestDaily),
    ...entry("latest_release", list.latestRelease),
    all: list.images.map(listedImage),
  };
}

/** The body of `/spawner/v1/prepulls`. */
export function spawnerPrepullsJson(
  settings: ImageSettings,
  images: PrepullImages,
  nodes: readonly NodeStatus[],
): object {
  return {
    config: prepullConfig(settings),
    images: { prepulled: images.prepulled.map(nodeImage), pending: images.pending.map(nodeImage) },
    nodes: nodes.map(({ name, eligible, comment, cached }) => ({ name, eligible, comment, cached })),
  };
}

function entry(name: string, image: Image | null): object {
  return image === null ? {} : { [name]: listedImage(image) };
}

function listedImage(image: Image): object {
  return {
    reference: image.reference,
    tag: image.tag,
    name: image.displayName,
    ...(image.digest === null ? {} : { digest: image.digest }),
    aliases: allAliases(image),
    prepulled: image.prepulled,
  };
}

/** The original does not tell the alias target from the other aliases. */
function allAliases({ aliases, aliasTarget }: Image): readonly string[] {
  return aliasTarget === null ? aliases : [...aliases, aliasTarget].sort(compareCodePoints);
}

function prepullConfig(settings: ImageSettings): object {
  return {
    source: sourceConfig(settings.source),
    refresh_interval: settings.refreshInterval / 1_000,
    prepull_timeout: settings.prepullTimeout / 1_000,
    recommended_tag: settings.recommendedTag,
    num_releases: settings.numReleases,
    num_weeklies: settings.numWeeklies,
    num_dailies: settings.numDailies,
    cycle: settings.cycle,
    pin: settings.pin,
    alias_tags: settings.aliasTags,
  };
}

function sourceConfig(source: SourceSettings): object {
  if (source.type === "docker") {
    const { type, registry, repository } = source;
    return { type, registry, repository };
  }
  const { type, location, projectId, repository, image } = source;
  return { type, location, project_id: projectId, repository, image };
}

function nodeImage({ image, nodes, missing }: NodeImage): object {
  const { reference, tag, displayName, digest, sizeBytes } = image;
  return { reference, tag, name: displayName, digest, size: sizeBytes, nodes, missing };
}
