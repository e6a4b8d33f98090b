import type { ImageSettings, SourceSettings } from "../settings.ts";
import type { ImageList, NodeImage, NodeStatus, PrepullImages } from "../snapshot/answers.ts";
import { compareCodePoints } from "../text-order.ts";
import type { Image } from "./image.ts";

/*
 * The bodies of the original's routes (docs/spec/api.md, HTTP), field for field: names in snake case, durations in seconds. The
 * first leaves out what is null, the second keeps it.
 */

/** Images in one piece of a long list: some 64 kB. */
const PIECE_SIZE = 200;

/** The body of `/spawner/v1/images`, as JSON: each image is encoded once for as long as it is as it was. */
export function spawnerImagesJson(list: ImageList): string {
  return `${listHead(list)}${list.images.map(listedImageJson).join(",")}]}`;
}

/** The same in pieces, of which nothing is kept: for lists that are too long for that. */
export function* spawnerImagesPieces(list: ImageList): Generator<string, void, undefined> {
  yield listHead(list);
  for (let from = 0; from < list.images.length; from += PIECE_SIZE) {
    const piece = list.images.slice(from, from + PIECE_SIZE).map((image) => JSON.stringify(listedImage(image)));
    yield `${from === 0 ? "" : ","}${piece.join(",")}`;
  }
  yield "]}";
}

/** All that stands before the first image of the list. */
function listHead(list: ImageList): string {
  const classes = [
    ...entry("recommended", list.recommended),
    ...entry("latest_weekly", list.latestWeekly),
    ...entry("latest_daily", list.latestDaily),
    ...entry("latest_release", list.latestRelease),
  ];
  return `{${[...classes, '"all":['].join(",")}`;
}

/** The body of `/spawner/v1/prepulls`, as JSON: images and lists that are as they were are not encoded again. */
export function spawnerPrepullsJson(
  settings: ImageSettings,
  { prepulled, pending }: PrepullImages,
  nodes: readonly NodeStatus[],
): string {
  const images = `{"prepulled":[${prepulled.map(nodeImageJson).join(",")}],"pending":[${pending.map(nodeImageJson).join(",")}]}`;
  const config = JSON.stringify(prepullConfig(settings));
  return `{"config":${config},"images":${images},"nodes":[${nodes.map(nodeJson).join(",")}]}`;
}

function entry(name: string, image: Image | null): readonly string[] {
  return image === null ? [] : [`"${name}":${listedImageJson(image)}`];
}

const listedImageJson = jsonOnce(listedImage);
const nodeImageJson = jsonOnce(nodeImage);
/** Nodes that hold the same images share one list. */
const referencesJson = jsonOnce((references: readonly string[]) => references);

function nodeJson({ name, eligible, comment, cached }: NodeStatus): string {
  const own = JSON.stringify({ name, eligible, comment });
  return `${own.slice(0, -1)},"cached":${referencesJson(cached)}}`;
}

/** Encodes each thing once for as long as it lives. */
function jsonOnce<T extends object>(describe: (thing: T) => object): (thing: T) => string {
  const known = new WeakMap<T, string>();
  return (thing) => {
    const json = known.get(thing) ?? JSON.stringify(describe(thing));
    known.set(thing, json);
    return json;
  };
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

/** The original does not distinguish the alias target from the other aliases. */
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
