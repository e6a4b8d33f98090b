import { InvalidArgumentError } from "../errors.ts";
import type { DropdownPolicy, FilterPolicy } from "../settings.ts";
import type { Tag, TagType, TagVersion } from "./tag.ts";
import { compareVersions, parseVersion } from "./version.ts";

/** What a filter has decided, in the order of its input. */
export interface FilterOutcome<T> {
  readonly keep: T[];
  readonly drop: T[];
  /** The first millisecond since the epoch, after the time asked for, at which the outcome is another; null for never. */
  readonly changesAt: number | null;
}

/** A type's policy, ready to use, with the number of tags that it may still keep. */
interface TypeFilter {
  readonly policy: FilterPolicy;
  readonly cutoffVersion: TagVersion | null;
  remaining: number;
}

/**
 * The dropdown filter (docs/spec/look-ups.md). Items that are aliases or unknown always pass.
 * @param itemsInDisplayOrder the first of a type are those that `number` keeps
 * @param now milliseconds since the epoch, for ages
 * @throws InvalidArgumentError where a `cutoffVersion` is no semantic version
 */
export function filterByPolicy<T>(
  itemsInDisplayOrder: readonly T[],
  tagOf: (item: T) => Tag,
  policy: DropdownPolicy,
  now: number,
): FilterOutcome<T> {
  const filters = typeFilters(policy);
  const keep: T[] = [];
  const drop: T[] = [];
  let changesAt: number | null = null;
  for (const item of itemsInDisplayOrder) {
    const tag = tagOf(item);
    const filter = filters.get(tag.type);
    if (filter !== undefined) {
      if (filter.remaining <= 0 || !passes(tag, filter, now)) {
        drop.push(item);
        continue;
      }
      filter.remaining--;
      // Only what is kept can change the outcome by growing older: tags never pass again, and one that `number` leaves
      // out makes no room when it goes.
      const expiry = expiryOf(tag, filter.policy);
      if (expiry !== null && (changesAt === null || expiry < changesAt)) changesAt = expiry;
    }
    keep.push(item);
  }
  return { keep, drop, changesAt };
}

function typeFilters(policy: DropdownPolicy): ReadonlyMap<TagType, TypeFilter> {
  const filters = new Map<TagType, TypeFilter>();
  const add = (type: TagType, key: string, filter: FilterPolicy | undefined) => {
    if (filter === undefined) return;
    const cutoffVersion = filter.cutoffVersion === null ? null : parseVersion(filter.cutoffVersion);
    if (filter.cutoffVersion !== null && cutoffVersion === null) {
      throw new InvalidArgumentError(
        `${key}.cutoffVersion`,
        "expected a semantic version such as 22.0.0 or 26.0.0-rc1",
      );
    }
    filters.set(type, { policy: filter, cutoffVersion, remaining: filter.number ?? Number.POSITIVE_INFINITY });
  };
  add("RELEASE", "release", policy.release);
  add("WEEKLY", "weekly", policy.weekly);
  add("DAILY", "daily", policy.daily);
  add("RELEASE_CANDIDATE", "releaseCandidate", policy.releaseCandidate);
  add("EXPERIMENTAL", "experimental", policy.experimental);
  return filters;
}

/** Whether a tag passes all but `number`. A limit says nothing of tags that lack what it limits. */
function passes(tag: Tag, { policy, cutoffVersion }: TypeFilter, now: number): boolean {
  if (tag.date !== null) {
    if (policy.age !== null && now - tag.date > policy.age) return false;
    if (policy.cutoffDate !== null && tag.date < policy.cutoffDate) return false;
  }
  if (tag.build !== null && policy.cutoffBuild !== null && tag.build < policy.cutoffBuild) return false;
  if (!tag.semantic || tag.version === null || cutoffVersion === null) return true;
  return compareVersions(tag.version, cutoffVersion) >= 0;
}

/** The first millisecond at which a tag is older than its limit; one exactly that old still passes. */
function expiryOf(tag: Tag, policy: FilterPolicy): number | null {
  if (tag.date === null || policy.age === null) return null;
  return Math.floor(tag.date + policy.age) + 1;
}
