import type { Config } from "../../config/config.ts";
import type { PlanState } from "../../config/state-file.ts";
import { compilePattern } from "../../config/tag-pattern.ts";
import { runToCompletion } from "../../domain/cooperative.ts";
import type { Catalog } from "../../domain/images/catalog.ts";
import { planCatalog } from "../../domain/images/catalog-plan.ts";
import { completeCatalog } from "../../domain/images/complete-catalog.ts";
import { createCatalogSource } from "../../domain/sets/catalog-source.ts";
import { type PlanNode, planSets, type SetPlan } from "../../domain/sets/plan-sets.ts";
import { knownPlatforms, type Platform, parsePlatform } from "../../domain/sets/platform.ts";
import type { RemoteTag } from "../../domain/tags/remote-tag.ts";

const ARCHITECTURE_LABEL = "kubernetes.io/arch";
const SYSTEM_LABEL = "kubernetes.io/os";

/** A plan with the catalogs that it was made of, one for each source of the configuration. */
export interface StatePlan {
  readonly catalogs: readonly Catalog[];
  readonly plan: SetPlan;
}

/** Plans what a service with this configuration would do with these registries and nodes. */
export function planState(config: Config, state: PlanState): StatePlan {
  const { sets, menu } = config;
  const catalogs = config.sources.map(({ source }) => {
    const catalogSource = createCatalogSource(source, sets, compilePattern);
    const listing = listingOf(state.registries[source.name] ?? []);
    const planned = runToCompletion(planCatalog(catalogSource, listing, null, state.now));
    return runToCompletion(completeCatalog(planned, new Map(), null));
  });
  const nodes = state.nodes.map(nodeOf);
  return { catalogs, plan: planSets({ sets, menu, catalogs, nodes, now: state.now }) };
}

/** Platforms are a digest's, whatever its tag: where two entries differ the last one counts. */
function listingOf(entries: PlanState["registries"][string]): readonly RemoteTag[] {
  const platforms = new Map(entries.map((entry) => [entry.digest, platformsOf(entry.platforms)]));
  return entries.map(({ tag, digest, pushedAt }) => ({
    tag,
    digest,
    sizeBytes: null,
    platforms: platforms.get(digest) ?? null,
    pushedAt,
  }));
}

function platformsOf(texts: readonly string[] | null): readonly Platform[] | null {
  if (texts === null) return null;
  return knownPlatforms(texts.map(parsePlatform).filter((platform) => platform !== null));
}

function nodeOf({
  name,
  labels,
  taints,
  os,
  arch,
  cached,
  created,
  notReadySince,
}: PlanState["nodes"][number]): PlanNode {
  return {
    name,
    labels,
    taints,
    os: labels[SYSTEM_LABEL] ?? os ?? null,
    architecture: labels[ARCHITECTURE_LABEL] ?? arch ?? null,
    cached: new Set(cached),
    createdAt: created ?? null,
    notReadySince: notReadySince ?? null,
  };
}
