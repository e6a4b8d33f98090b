import type { SourceSettings } from "../domain/settings.ts";
import type { Config } from "./config.ts";

/** What works, and could be had better. */
export interface Hint {
  /** Key of the configuration, such as `images.source.type`. */
  readonly path: string;
  readonly message: string;
}

/** Google Artifact Registry, and the names of the Container Registry that it serves too. */
const GOOGLE_REGISTRY = /^(?:[a-z0-9-]+-docker\.pkg\.dev|(?:[a-z]+\.)?gcr\.io)$/;
/** Docker Hub's web site. */
const DOCKER_HUB_SITE = "hub.docker.com";

/** Hints on a valid configuration (field cases F10 and F45). */
export function hintsOn({ sources }: Config): readonly Hint[] {
  return sources.flatMap(({ key, source: { connection } }) =>
    hintsOnConnection(key === "images" ? "images.source" : key, connection),
  );
}

function hintsOnConnection(key: string, connection: SourceSettings): readonly Hint[] {
  if (connection.type !== "docker") return [];
  const host = connection.registry.toLowerCase().replace(/:443$/, "");
  if (GOOGLE_REGISTRY.test(host)) {
    const message = `${host} is Google Artifact Registry: with the type google one call gives all tags with digests and sizes`;
    return [{ path: `${key}.type`, message }];
  }
  if (host === DOCKER_HUB_SITE) {
    const message = `${host} is the web site of Docker Hub: its tags are listed, but nodes pull from docker.io`;
    return [{ path: `${key}.registry`, message }];
  }
  return [];
}
