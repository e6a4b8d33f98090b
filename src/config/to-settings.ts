import { defaultSet, defaultSource, type NodeDefaults } from "../domain/long-form.ts";
import type { Toleration } from "../domain/nodes/node-report.ts";
import type { ImageSettings, Rule, SchemeConfig, SetConfig, SourceSettings } from "../domain/settings.ts";
import type { ConfiguredSource, RegistryAccess } from "./config.ts";
import type { ConfigFile } from "./schema.ts";
import { imagesOf } from "./short-form.ts";

type ImagesFile = NonNullable<ConfigFile["images"]>;
type SourceFile = ConfigFile["sources"][number];
type SetFile = ConfigFile["sets"][number];
type Connection = ImagesFile["source"] | SourceFile;

/** What `images:` says, or the source and the set `default` that stand for one; else null. */
export function toImages(file: ConfigFile): ImageSettings | null {
  if (file.images !== null) return toImageSettings(file.images);
  const [source] = toSources(file);
  const [set] = toSets(file);
  const hasOwnNodes = Object.values(file.sets[0]?.nodes ?? {}).some((value) => value !== null);
  return source === undefined || set === undefined ? null : imagesOf(source, set, hasOwnNodes);
}

function toImageSettings({ source, dockerCredentialsPath: _path, ...policy }: ImagesFile): ImageSettings {
  return { source: toConnection(source), ...policy };
}

/** All sources: the one that `images:` stands for first. */
export function toSources({ images, sources }: ConfigFile): readonly ConfiguredSource[] {
  const ofImages =
    images === null
      ? []
      : [
          {
            key: "images",
            source: defaultSource(toImageSettings(images)),
            access: toAccess(images.source, images.dockerCredentialsPath),
          },
        ];
  return [...ofImages, ...sources.map(toSource)];
}

function toSource(file: SourceFile, index: number): ConfiguredSource {
  const { name, refreshInterval, prepullTimeout, pullSecret, credentials, tags } = file;
  const source = {
    name,
    connection: toConnection(file),
    refreshIntervalMs: refreshInterval,
    pullTimeoutMs: prepullTimeout,
    pullSecret,
    scheme: toScheme(tags),
    ignore: tags.ignore,
    aliases: tags.aliases,
  };
  return { key: `sources[${index}]`, source, access: toAccess(file, credentials) };
}

/** `tags` of a source without its patterns. */
export function toScheme(tags: SourceFile["tags"]): SchemeConfig {
  switch (tags.scheme) {
    case "rubin":
      return { name: "rubin", cycle: tags.cycle };
    case "semver":
      return { name: "semver" };
    case "calver":
      return { name: "calver", format: tags.format };
    case "regex":
      return { name: "regex", pattern: tags.pattern };
    case "opaque":
      return { name: "opaque", pattern: tags.pattern, order: tags.order };
  }
}

/** All sets: the one that `images:` stands for first. */
export function toSets(file: ConfigFile): readonly SetConfig[] {
  const defaults: NodeDefaults = {
    selector: file.nodeSelector,
    expressions: file.nodeExpressions,
    tolerations: file.tolerations.map(toToleration),
  };
  const ofImages = file.images === null ? [] : [defaultSet(toImageSettings(file.images), defaults)];
  return [...ofImages, ...file.sets.map((set) => toSet(set, defaults))];
}

function toSet({ name, nodes, images, order }: SetFile, defaults: NodeDefaults): SetConfig {
  return {
    name,
    selector: nodes.selector ?? defaults.selector,
    expressions: nodes.expressions ?? defaults.expressions,
    tolerations: nodes.tolerations?.map(toToleration) ?? defaults.tolerations,
    rules: images.map(toRule),
    order,
  };
}

/** Checked before: a rule has exactly one of alias, pin and newest. */
function toRule({ alias, pin, newest, source, until, ...rest }: SetFile["images"][number]): Rule {
  if (alias !== null) return { kind: "alias", source, alias, until };
  if (pin !== null) return { kind: "pin", source, pin, until };
  const variant = rest.variant ?? (rest.newestPer === "variant" ? ["*"] : null);
  return { kind: "newest", source, newest: newest ?? 0, ...rest, variant, until };
}

function toConnection(source: Connection): SourceSettings {
  if (source.type === "docker") {
    return { type: "docker", registry: source.registry, repository: source.repository };
  }
  const { type, location, projectId, repository, image } = source;
  return { type, location, projectId, repository, image };
}

function toAccess(source: Connection, credentialsPath: string | null): RegistryAccess {
  const docker = source.type === "docker" ? source : null;
  return {
    insecure: docker?.insecure ?? false,
    tokenHosts: docker?.tokenHosts ?? [],
    caFile: docker?.caFile ?? null,
    certFile: docker?.certFile ?? null,
    keyFile: docker?.keyFile ?? null,
    credentialsPath,
    apiEndpoint: source.type === "google" ? source.apiEndpoint : null,
  };
}

/** Absent fields stay absent, as the Kubernetes API has them. */
export function toToleration(toleration: ConfigFile["tolerations"][number]): Toleration {
  return Object.fromEntries(Object.entries(toleration).filter(([, value]) => value !== null));
}
