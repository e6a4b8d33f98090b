import { z } from "zod";
import type { FilterPolicy } from "../../../src/domain/settings.ts";
import { parseDateTime } from "../../../src/domain/tags/calendar.ts";
import { filterByPolicy } from "../../../src/domain/tags/tag-filter.ts";
import { names, readTagList, TAG_LIST, withoutArchitecture } from "./tag-list.ts";

const POLICY = z.strictObject({
  number: z.int().nullish(),
  /** Seconds. */
  age: z.number().nullish(),
  cutoffBuild: z.int().nullish(),
  cutoffDate: z.string().nullish(),
  cutoffVersion: z.string().nullish(),
});

const INPUT = TAG_LIST.extend({
  policy: z.strictObject({
    release: POLICY.nullish(),
    weekly: POLICY.nullish(),
    daily: POLICY.nullish(),
    releaseCandidate: POLICY.nullish(),
    experimental: POLICY.nullish(),
  }),
  age_basis: z.string(),
});

/** `tag_filter`: what a policy keeps and drops of a list of tags, without and with architecture-specific ones. */
export function runTagFilter(testCase: unknown): unknown {
  const { policy, age_basis, ...list } = INPUT.parse(testCase);
  const tags = readTagList(list);
  const dropdown = {
    release: readPolicy(policy.release),
    weekly: readPolicy(policy.weekly),
    daily: readPolicy(policy.daily),
    releaseCandidate: readPolicy(policy.releaseCandidate),
    experimental: readPolicy(policy.experimental),
  };
  const now = readTime(age_basis);
  const shown = filterByPolicy(withoutArchitecture(tags), (tag) => tag, dropdown, now);
  const all = filterByPolicy(tags, (tag) => tag, dropdown, now);
  return {
    keep: names(shown.keep),
    keep_arch: names(all.keep),
    drop: names(shown.drop),
    drop_arch: names(all.drop),
  };
}

function readPolicy(policy: z.infer<typeof POLICY> | null | undefined): FilterPolicy | undefined {
  if (policy === null || policy === undefined) return undefined;
  return {
    number: policy.number ?? null,
    age: typeof policy.age === "number" ? policy.age * 1000 : null,
    cutoffBuild: policy.cutoffBuild ?? null,
    cutoffDate: typeof policy.cutoffDate === "string" ? readTime(policy.cutoffDate) : null,
    cutoffVersion: policy.cutoffVersion ?? null,
  };
}

function readTime(text: string): number {
  const time = parseDateTime(text);
  if (time === null) throw new Error(`no date: ${text}`);
  return time;
}
