import type { Catalog } from "../domain/images/catalog.ts";
import { planCatalog, resolvePlan } from "../domain/images/catalog-plan.ts";
import { completeCatalog } from "../domain/images/complete-catalog.ts";
import type { CatalogSource } from "../domain/sets/catalog-source.ts";
import type { ImageSource, Logger } from "../ports.ts";
import { runCooperatively } from "./cooperative.ts";

/** What listing the remote images takes. */
export interface ListImagesParts {
  readonly catalogSource: CatalogSource;
  readonly source: ImageSource;
  readonly logger: Logger;
  /** Milliseconds since the epoch, for the ages of tags. */
  readonly now: () => number;
}

/**
 * Lists the remote images: all tags, and the digests of those in the prepull set (docs/spec/images.md). What has
 * not changed is taken from `previous`. A tag that vanished in between is left out and logged.
 * Errors: RegistryUnavailableError, RegistryDeniedError, or the signal's reason.
 */
export async function listImages(
  { catalogSource, source, logger, now }: ListImagesParts,
  previous: Catalog | null,
  signal: AbortSignal,
): Promise<Catalog> {
  const wanted = previous?.prepullSet.map(({ tag }) => tag.tag) ?? [];
  const listing = await source.listTags(signal, wanted);
  let plan = await runCooperatively(planCatalog(catalogSource, listing, previous, now()), signal);
  const vanished: string[] = [];
  // With more digests known, a rule may turn out to want older versions.
  while (plan.unresolved.length > 0) {
    const digests = await source.resolveTags(plan.unresolved, signal);
    vanished.push(...plan.unresolved.filter((tag) => !digests.has(tag)));
    plan = await runCooperatively(resolvePlan(plan, digests), signal);
  }
  if (vanished.length > 0)
    logger.warn({ tags: vanished }, "tags have vanished since the registry was listed: left out");
  return await runCooperatively(completeCatalog(plan, new Map(), previous), signal);
}
