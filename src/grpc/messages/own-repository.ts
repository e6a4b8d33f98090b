import type { ImageReference } from "../../domain/images/reference.ts";
import type { SourceSettings } from "../../domain/settings.ts";

/** Whether a reference names the repository that the remote images come from (behaviour.md section 3). */
export function isOwnRepository(source: SourceSettings, { registry, repository }: ImageReference): boolean {
  if (source.type === "docker") return registry === source.registry && repository === source.repository;
  const path = `${source.projectId}/${source.repository}/${source.image}`;
  return registry === `${source.location}-docker.pkg.dev` && repository === path;
}
