import { RegistryUnavailableError } from "../../../src/domain/errors.ts";
import { repositoryOf } from "../../../src/domain/images/repository.ts";
import { digestsInNames, type NodeReport } from "../../../src/domain/nodes/node-report.ts";
import type { SourceSettings } from "../../../src/domain/settings.ts";
import type { RemoteTag } from "../../../src/domain/tags/remote-tag.ts";
import type { CaseNode, RegistryContent } from "./service-case.ts";

/** A registry at the port: what `ImageSource` tells of a case's content, at once or over a network. */
export interface CaseRegistry {
  readonly registry: string;
  readonly repository: string;
  list(): readonly RemoteTag[] | Promise<readonly RemoteTag[]>;
  /** Error: RegistryUnavailableError where the case says that the registry fails. */
  resolve(tags: readonly string[]): ReadonlyMap<string, RemoteTag> | Promise<ReadonlyMap<string, RemoteTag>>;
}

/** Gives the registry of a content; one that was given before for the same source holds the new content from then on. */
export type OpenCaseRegistry = (
  source: SourceSettings,
  content: RegistryContent,
) => CaseRegistry | Promise<CaseRegistry>;

/** The registry of a case, without any network. */
export const caseRegistry: OpenCaseRegistry = (source, content) => {
  if (source.type === "docker") {
    return dockerRegistry(source.registry, source.repository, new Map(content.flatMap(dockerTag)));
  }
  const { registry, repository } = repositoryOf(source);
  const tags = content.flatMap((entry) => googleTags(`${registry}/${repository}`, entry));
  return { registry, repository, list: () => tags, resolve: () => new Map() };
};

function dockerRegistry(registry: string, repository: string, digests: ReadonlyMap<string, string | null>) {
  return {
    registry,
    repository,
    list: () => [...digests.keys()].map((tag) => ({ tag, digest: null, sizeBytes: null })),
    resolve(tags: readonly string[]) {
      const found = new Map<string, RemoteTag>();
      for (const tag of tags) {
        const digest = digests.get(tag);
        if (digest === null) throw new RegistryUnavailableError("the registry answers with a server error");
        if (digest !== undefined) found.set(tag, { tag, digest, sizeBytes: null });
      }
      return found;
    },
  };
}

function dockerTag(entry: RegistryContent[number]): readonly (readonly [string, string | null])[] {
  return Array.isArray(entry) ? [entry] : [];
}

/** Images of other names are ignored by the source; so they are here. */
function googleTags(image: string, entry: RegistryContent[number]): readonly RemoteTag[] {
  if (Array.isArray(entry)) return [];
  const [name, digest] = entry.uri.split("@");
  if (name !== image || digest === undefined) return [];
  return (entry.tags ?? []).map((tag) => ({ tag, digest, sizeBytes: entry.imageSizeBytes || null }));
}

/** A node's report at the port. */
export function caseNode(node: CaseNode): NodeReport {
  return {
    name: node.name,
    uid: `uid-of-${node.name}`,
    architecture: node.labels?.["kubernetes.io/arch"] ?? null,
    os: null,
    labels: {},
    createdAt: null,
    notReadySince: null,
    taints: (node.taints ?? []).map((taint) => ({ ...taint, value: taint.value ?? "" })),
    images: (node.images ?? []).map(({ names, sizeBytes }) => ({
      digests: digestsInNames(names ?? []),
      sizeBytes: sizeBytes ?? 0,
    })),
  };
}
