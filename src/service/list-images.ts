import type { Catalog } from "../domain/images/catalog.ts";
import { planCatalog } from "../domain/images/catalog-plan.ts";
import { completeCatalog } from "../domain/images/complete-catalog.ts";
import type { ImageSettings } from "../domain/settings.ts";
import type { ImageSource, Logger } from "../ports.ts";
import { runCooperatively } from "./cooperative.ts";

/** What listing the remote images takes. */
export interface ListImagesParts {
  readonly settings: ImageSettings;
  readonly source: ImageSource;
  readonly logger: Logger;
}

/**
 * Lists the remote images: all tags, and the digests of those in the prepull set (docs/spec/images.md). What has
 * not changed is taken from `previous`. A tag that vanished in between is left out and logged.
 * Errors: RegistryUnavailableError, RegistryDeniedError, or the signal's reason.
 */
export async function listImages(
  { settings, source, logger }: ListImagesParts,
  previous: Catalog | null,
  signal: AbortSignal,
): Promise<Catalog> {
  const wanted = previous?.prepullSet.map(({ tag }) => tag.tag) ?? [];
  const listing = await source.listTags(signal, wanted);
  const plan = await runCooperatively(planCatalog(settings, source, listing, previous), signal);
  const digests = plan.unresolved.length === 0 ? new Map() : await source.resolveTags(plan.unresolved, signal);
  const vanished = plan.unresolved.filter((tag) => !digests.has(tag));
  if (vanished.length > 0)
    logger.warn({ tags: vanished }, "tags have vanished since the registry was listed: left out");
  return await runCooperatively(completeCatalog(plan, digests, previous), signal);
}
