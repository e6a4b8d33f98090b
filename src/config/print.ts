import { stringify } from "yaml";
import { DEFAULT_NAME, defaultAliases } from "../domain/long-form.ts";
import { isGiven, listOf, mappingOf } from "./raw-data.ts";

type Data = Readonly<Record<string, unknown>>;

/**
 * A configuration in its long form, as YAML: `images:` written out as the source and the set that it stands for, all else as
 * it was written. Loading it gives the same settings, and its own long form is the same text.
 * @param data of a valid configuration file
 */
export function printLongForm(data: Data): string {
  const { images, sources, sets, ...rest } = data;
  const long = {
    sources: [...(isGiven(images) ? [sourceOf(mappingOf(images))] : []), ...listOf(sources)],
    sets: [...(isGiven(images) ? [longSetOf(mappingOf(images))] : []), ...listOf(sets)],
  };
  const given = Object.entries({ ...long, ...rest }).filter(([, value]) => isGiven(value));
  return stringify(Object.fromEntries(given), { version: "1.2", aliasDuplicateObjects: false, lineWidth: 120 });
}

function sourceOf(images: Data): Data {
  const { source, refreshInterval, prepullTimeout, dockerCredentialsPath, cycle } = images;
  return withoutNulls({
    name: DEFAULT_NAME,
    ...mappingOf(source),
    refreshInterval: refreshInterval ?? "5m",
    prepullTimeout: prepullTimeout ?? "10m",
    credentials: dockerCredentialsPath,
    tags: withoutNulls({
      scheme: "rubin",
      cycle,
      aliases: defaultAliases(recommendedTag(images), listOf(images["aliasTags"]).map(String)),
    }),
  });
}

/** The set that `images:` stands for, as data. */
export function longSetOf(images: Data): Data {
  const source = DEFAULT_NAME;
  const pin = listOf(images["pin"]);
  return {
    name: DEFAULT_NAME,
    images: [
      { source, alias: recommendedTag(images) },
      { source, class: "release", newest: images["numReleases"] ?? 1 },
      { source, class: "weekly", newest: images["numWeeklies"] ?? 2 },
      { source, class: "daily", newest: images["numDailies"] ?? 3 },
      ...(pin.length === 0 ? [] : [{ source, pin }]),
    ],
    order: "display",
  };
}

function recommendedTag(images: Data): string {
  return String(images["recommendedTag"] ?? "recommended");
}

function withoutNulls(data: Data): Data {
  return Object.fromEntries(Object.entries(data).filter(([, value]) => isGiven(value)));
}
