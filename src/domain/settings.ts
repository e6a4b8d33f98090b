/** What the domain needs of the configuration: data that does not change while the process runs. */

/** Where remote images come from. */
export type SourceSettings =
  | { readonly type: "docker"; readonly registry: string; readonly repository: string }
  | {
      readonly type: "google";
      readonly location: string;
      readonly projectId: string;
      readonly repository: string;
      readonly image: string;
    };

/** The prepull policy (`images.*`). */
export interface ImageSettings {
  readonly source: SourceSettings;
  /** Milliseconds. */
  readonly refreshInterval: number;
  /** Milliseconds. */
  readonly prepullTimeout: number;
  readonly recommendedTag: string;
  readonly numReleases: number;
  readonly numWeeklies: number;
  readonly numDailies: number;
  readonly cycle: number | null;
  readonly pin: readonly string[];
  readonly aliasTags: readonly string[];
}

/** One type's part of the dropdown filter; null means no limit. Zero means zero (docs/spec/look-ups.md). */
export interface FilterPolicy {
  readonly number: number | null;
  /** Milliseconds. */
  readonly age: number | null;
  readonly cutoffBuild: number | null;
  /** Milliseconds since the epoch. */
  readonly cutoffDate: number | null;
  /** Semantic version, as written: `22.0.0`, `26.0.0-rc1`. */
  readonly cutoffVersion: string | null;
}

/** The dropdown filter; a type that is absent has no limit. */
export interface DropdownPolicy {
  readonly release?: FilterPolicy | undefined;
  readonly weekly?: FilterPolicy | undefined;
  readonly daily?: FilterPolicy | undefined;
  readonly releaseCandidate?: FilterPolicy | undefined;
  readonly experimental?: FilterPolicy | undefined;
}
