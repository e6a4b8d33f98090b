import type { TagType } from "../../../src/domain/tags/tag.ts";

/** The types as the original displays them, and the cases name them. */
export const TYPE_NAMES: Readonly<Record<TagType, string>> = {
  ALIAS: "Alias",
  RELEASE: "Release",
  WEEKLY: "Weekly",
  DAILY: "Daily",
  RELEASE_CANDIDATE: "Release Candidate",
  EXPERIMENTAL: "Experimental",
  UNKNOWN: "Unknown",
};
