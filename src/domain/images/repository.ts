import type { SourceSettings } from "../settings.ts";

/** Where images are: the first two parts of every reference to them. */
export interface Repository {
  readonly registry: string;
  readonly repository: string;
}

/** Where the images of a source are (docs/spec/images.md): the one place that knows how references are made of settings. */
export function repositoryOf(source: SourceSettings): Repository {
  if (source.type === "docker") return { registry: source.registry, repository: source.repository };
  // In a reference the project of a domain, `example.com:lab`, is two components of the path.
  const project = source.projectId.replace(":", "/");
  return {
    registry: `${source.location}-docker.pkg.dev`,
    repository: `${project}/${source.repository}/${source.image}`,
  };
}

/** Whether a reference, or what else is in a repository, is in ours. */
export function isInRepository(own: Repository, { registry, repository }: Repository): boolean {
  return registry === own.registry && repository === own.repository;
}
