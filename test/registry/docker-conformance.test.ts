import assert from "node:assert/strict";
import { it, type TestContext } from "node:test";
import type { RemoteTag } from "../../src/domain/tags/remote-tag.ts";
import type { ClosableImageSource } from "../../src/registry/oci/docker-source.ts";
import type { SimulatedRegistry } from "../../src/simulation/registry/oci-registry.ts";
import type { CaseRegistry } from "../conformance/runners/case-sources.ts";
import type { RegistryContent } from "../conformance/runners/service-case.ts";
import { passCases } from "./conformance-run.ts";
import { registryWith, sourceFor, unhurried } from "./source-under-test.ts";

/** Small, so that the listings of the cases take several pages. */
const PAGE_SIZE = 5;

/** The one registry, on loopback, that plays those of all cases, whatever they are called there. */
interface Stage {
  readonly registry: SimulatedRegistry;
  /** By digest of the registry, the digest of the case: those are shortened, and no hash of anything. */
  readonly caseDigests: Map<string, string>;
  /** Tags of the current content that the registry answers with a server error. */
  readonly broken: Set<string>;
  readonly counts: { tags: number; broken: number; requestsRefused: number };
}

/** Makes the repository hold a case's content and nothing else; without any tag it is there all the same. */
function fill({ registry, caseDigests, broken, counts }: Stage, repository: string, content: RegistryContent): void {
  registry.push(repository, "old");
  for (const tag of registry.tags(repository)) registry.remove(repository, tag);
  broken.clear();
  for (const entry of content) {
    if (!Array.isArray(entry)) throw new TypeError("an entry of another registry");
    const [tag, digest] = entry;
    counts.tags += 1;
    if (digest === null) broken.add(tag);
    caseDigests.set(registry.push(repository, tag, { content: digest ?? "broken" }), digest ?? "none");
  }
  counts.broken += broken.size;
}

/** What the source tells, with the digests of the case in place of the registry's. */
function atPort(stage: Stage, source: ClosableImageSource, name: Pick<CaseRegistry, "registry" | "repository">) {
  const translate = (remote: RemoteTag): RemoteTag => {
    const digest = stage.caseDigests.get(remote.digest ?? "");
    if (digest === undefined) throw new Error(`the registry has no digest ${remote.digest}`);
    return { ...remote, digest };
  };
  return {
    ...name,
    list: () => source.listTags(unhurried),
    async resolve(tags: readonly string[]) {
      const resolved = await source.resolveTags(tags, unhurried);
      return new Map([...resolved].map(([tag, remote]) => [tag, translate(remote)]));
    },
  };
}

async function startStage(context: TestContext): Promise<Stage> {
  const registry = await registryWith(context, [], { behaviour: { pageSize: PAGE_SIZE } });
  const broken = new Set<string>();
  const counts = { tags: 0, broken: 0, requestsRefused: 0 };
  registry.behaviour.intercept = (request, response) => {
    const tag = decodeURIComponent(/\/manifests\/([^/]+)$/.exec(request.url ?? "")?.[1] ?? "");
    if (!broken.has(tag)) return false;
    counts.requestsRefused += 1;
    response.writeHead(500).end();
    return true;
  };
  return { registry, caseDigests: new Map(), broken, counts };
}

it("the conformance cases hold end to end against an OCI registry", async (context) => {
  const stage = await startStage(context);
  const sources = new Map<string, ClosableImageSource>();

  const passed = await passCases("service_docker", (settings, content) => {
    if (settings.type !== "docker") throw new TypeError("a case of another source");
    const { registry, repository } = settings;
    const source = sources.get(repository) ?? sourceFor(context, { registry: stage.registry.host, repository });
    sources.set(repository, source);
    fill(stage, repository, content);
    return atPort(stage, source, { registry, repository });
  });

  assert.equal(passed, 151);
  // Every tag of every case was pushed, names that are none too; what should fail did fail, at the registry.
  const { requestsRefused, ...counts } = stage.counts;
  assert.deepEqual(counts, { tags: 2_679, broken: 32 });
  assert.ok(requestsRefused > 0);
  assert.ok(stage.registry.requests.some(({ path }) => path.includes("last=")));
});
