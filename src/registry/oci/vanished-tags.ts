import { RegistryUnavailableError } from "../../domain/errors.ts";
import { nameList } from "../../domain/name-list.ts";
import type { RemoteTag } from "../../domain/tags/remote-tag.ts";
import type { Logger } from "../../ports.ts";

export interface VanishedTagsOptions {
  /** Of the registry, for texts. */
  readonly host: string;
  readonly logger: Logger;
  list(signal: AbortSignal): Promise<readonly RemoteTag[]>;
  /** Those of the tags that the registry has, whatever its list says. */
  present(tags: readonly string[], signal: AbortSignal): Promise<readonly string[]>;
}

/** Whether the count is at least half of all. */
export function isMostOf(count: number, all: number): boolean {
  return count > 0 && count * 2 >= all;
}

/**
 * Lists the tags, and lists them again where the list is empty or lacks half of the prepull set or more (field cases F2
 * and F23): registries answer with a part of their tags, or none, while they start or lose their storage. Rejects with a
 * RegistryUnavailableError where the registry still has such a tag that it does not list; what is proven to be gone, is.
 */
export async function listUnlessVanished(
  { host, logger, list, present }: VanishedTagsOptions,
  wanted: readonly string[],
  signal: AbortSignal,
): Promise<readonly RemoteTag[]> {
  const first = await list(signal);
  const missing = missingIn(first, wanted);
  if (first.length > 0 && !isMostOf(missing.length, wanted.length)) return first;
  if (missing.length > 0) {
    logger.warn(
      { registry: host, tags: nameList(missing) },
      "the list lacks most tags of the prepull set: listing again",
    );
  }
  const second = await list(signal);
  const stillMissing = missingIn(second, wanted);
  if (!isMostOf(stillMissing.length, wanted.length)) return second;
  const unlisted = await present(stillMissing, signal);
  if (unlisted.length > 0) {
    const names = nameList(unlisted);
    throw new RegistryUnavailableError(
      `${host} lists ${second.length} tags without ${names}, which it has: the list may be cut`,
    );
  }
  logger.warn({ registry: host, tags: nameList(stillMissing) }, "tags of the prepull set are gone from the registry");
  return second;
}

function missingIn(listed: readonly RemoteTag[], wanted: readonly string[]): readonly string[] {
  if (wanted.length === 0) return [];
  const names = new Set(wanted);
  for (const { tag } of listed) names.delete(tag);
  return [...names];
}
