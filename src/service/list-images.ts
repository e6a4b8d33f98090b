import { type Catalog, completeCatalog, planCatalog } from "../domain/images/catalog.ts";
import type { ImageSettings } from "../domain/settings.ts";
import type { ImageSource, Logger } from "../ports.ts";
import { runSliced } from "./sliced.ts";

/** What listing the remote images takes. */
export interface ListImagesParts {
  readonly settings: ImageSettings;
  readonly source: ImageSource;
  readonly logger: Logger;
}

/**
 * Lists the remote images: all tags, and the digests of those in the prepull set (behaviour.md section 3). What has
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
  const plan = await runSliced(planCatalog(settings, source, listing, previous?.source ?? null), signal);
  const digests = plan.unresolved.length === 0 ? new Map() : await source.resolveTags(plan.unresolved, signal);
  const vanished = plan.unresolved.filter((tag) => !digests.has(tag));
  if (vanished.length > 0)
    logger.warn({ tags: vanished }, "tags have vanished since the registry was listed: left out");
  return await runSliced(completeCatalog(plan, digests, previous), signal);
}
