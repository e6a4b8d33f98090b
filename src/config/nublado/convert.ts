import { DEFAULT_NAME } from "../../domain/long-form.ts";
import { ConfigError } from "../config-error.ts";
import { longSetOf } from "../print.ts";
import { isGiven, listOf, mappingOf } from "../raw-data.ts";
import { nodeTerms } from "./affinity.ts";

type Data = Readonly<Record<string, unknown>>;

/** A configuration of ours as data, and what was not taken over. */
export interface Converted {
  readonly config: Data;
  readonly notes: readonly string[];
}

const IMAGE_KEYS = [
  ...["source", "refreshInterval", "prepullTimeout", "recommendedTag", "numReleases", "numWeeklies", "numDailies"],
  ...["cycle", "pin", "aliasTags"],
];
const SOURCE_KEYS: Readonly<Record<string, readonly string[]>> = {
  docker: ["type", "registry", "repository", "credentialsPath"],
  google: ["type", "location", "projectId", "repository", "image"],
};
const FILTER_TYPES = ["release", "weekly", "daily", "releaseCandidate", "experimental"];
const FILTER_KEYS = ["number", "age", "cutoffBuild", "cutoffDate", "cutoffVersion"];
const TOLERATION_KEYS = ["key", "operator", "value", "effect", "tolerationSeconds"];
const LAB_KEYS = ["nodeSelector", "tolerations", "pullSecret", "affinity"];
const ROOT_KEYS = ["images", "dropdownMenu", "lab", "pathPrefix", "logLevel", "profile"];

/** The registry of a source that names none. */
const DEFAULT_REGISTRY = "docker.io";
/** How deep the values of a chart hold the configuration of the controller: `nublado.controller.config`. */
const MAX_DEPTH = 4;

/**
 * Makes a configuration of ours of a nublado controller's, as its chart renders it or as the chart's values hold it. Keys may be
 * in snake case, as the original takes them too. Error: ConfigError, where there are no images.
 */
export function convert(data: Data): Converted {
  const notes: string[] = [];
  const { root, prefix } = findRoot(data, notes);
  /** The values of these keys, by our names; each other key that has a value is noted. */
  const pick = (value: unknown, keys: readonly string[], path: string): Data => {
    const picked: Record<string, unknown> = {};
    for (const [key, each] of Object.entries(mappingOf(value))) {
      if (keys.includes(camelCase(key))) picked[camelCase(key)] = each;
      else if (isGiven(each)) notes.push(`${path}${key}: has no counterpart`);
    }
    return withoutNulls(picked);
  };

  const { images, dropdownMenu, lab, pathPrefix, logLevel, profile } = pick(root, ROOT_KEYS, prefix);
  const ourImages = convertImages(images, `${prefix}images.`, pick);
  const labs = pick(lab, LAB_KEYS, `${prefix}lab.`);
  const terms = nodeTerms(labs["affinity"], `${prefix}lab.affinity`);
  notes.push(...terms.notes);
  const pullSecret = labs["pullSecret"];
  if (
    isGiven(pullSecret) &&
    mappingOf(ourImages["source"])["type"] === "docker" &&
    !isGiven(ourImages["dockerCredentialsPath"])
  ) {
    notes.push(
      "images.dockerCredentialsPath: nublado finds its own credentials for the registry by itself; name the file here if it needs some",
    );
  }
  notes.push(
    "prepuller.enabled: off, so that two do not pull side by side; set it to true once nublado no longer prepulls",
  );
  const [first = [], ...others] = terms.terms;
  const config = {
    images: ourImages,
    dropdownMenu: convertMenu(dropdownMenu, `${prefix}dropdownMenu.`, pick),
    nodeSelector: texts(labs["nodeSelector"]),
    nodeExpressions: first.length === 0 ? null : first,
    tolerations: listOf(labs["tolerations"]).map((each, index) =>
      pick(each, TOLERATION_KEYS, `${prefix}lab.tolerations[${index}].`),
    ),
    sets: others.map((expressions, index) => ({
      ...longSetOf(ourImages),
      name: `${DEFAULT_NAME}-${index + 2}`,
      nodes: { expressions },
    })),
    prepuller: isGiven(pullSecret) ? { pullSecret } : null,
    http: isGiven(pathPrefix) ? { pathPrefix } : null,
    logLevel,
    logProfile: profile,
  };
  // Keys are printed as they were written, but for what a terminal would act on.
  return { config: withoutEmpty(config), notes: notes.map((note) => note.replaceAll(/\p{Cc}/gu, "?")) };
}

type Pick = (value: unknown, keys: readonly string[], path: string) => Data;

function convertImages(images: unknown, path: string, pick: Pick): Data {
  const { source, ...rest } = pick(images, IMAGE_KEYS, path);
  const type = String(mappingOf(source)["type"]);
  const { credentialsPath, ...connection } = pick(
    source,
    SOURCE_KEYS[type] ?? SOURCE_KEYS["docker"] ?? [],
    `${path}source.`,
  );
  const registry = type === "docker" && !isGiven(connection["registry"]) ? { registry: DEFAULT_REGISTRY } : {};
  const credentials = isGiven(credentialsPath) ? { dockerCredentialsPath: credentialsPath } : {};
  return withoutEmpty({ source: { ...connection, ...registry }, ...rest, ...credentials });
}

function convertMenu(menu: unknown, path: string, pick: Pick): Data {
  const types = Object.entries(pick(menu, FILTER_TYPES, path));
  return Object.fromEntries(types.map(([type, filter]) => [type, pick(filter, FILTER_KEYS, `${path}${type}.`)]));
}

/**
 * The mapping that is the controller's configuration: the uppermost one with `images`, which has a source. What stands around
 * it is noted, but for what is not the controller's.
 */
function findRoot(data: Data, notes: string[]): { readonly root: Data; readonly prefix: string } {
  let level = [{ root: data, prefix: "" }];
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    const found = level.find(({ root }) => isGiven(mappingOf(root["images"])["source"]));
    if (found !== undefined) {
      if (found.prefix !== "") notes.push(`everything outside of ${found.prefix.slice(0, -1)}: is not looked at`);
      return found;
    }
    level = level.flatMap(({ root, prefix }) =>
      Object.entries(root).map(([key, value]) => ({ root: mappingOf(value), prefix: `${prefix}${key}.` })),
    );
  }
  throw new ConfigError([
    { path: "", message: "this is no configuration of a nublado controller: it has no images.source" },
  ]);
}

/** Numbers and truth values as the text that they were in Kubernetes' own objects. */
function texts(labels: unknown): Data {
  return Object.fromEntries(Object.entries(mappingOf(labels)).map(([key, value]) => [key, String(value)]));
}

function camelCase(key: string): string {
  return key.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function withoutNulls(data: Data): Data {
  return Object.fromEntries(Object.entries(data).filter(([, value]) => isGiven(value)));
}

/** Without what says nothing: empty lists and mappings, and keys without a value. */
function withoutEmpty(data: Data): Data {
  const isEmpty = (value: unknown) => typeof value === "object" && value !== null && Object.keys(value).length === 0;
  return Object.fromEntries(Object.entries(data).filter(([, value]) => isGiven(value) && !isEmpty(value)));
}
