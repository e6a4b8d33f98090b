import type { Toleration } from "./nodes/node-report.ts";

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

/** How the tags of a source are read (docs/spec/sets.md, Schemes). */
export type SchemeConfig =
  | { readonly name: "rubin"; readonly cycle: number | null }
  | { readonly name: "semver" }
  | { readonly name: "calver"; readonly format: string }
  | { readonly name: "regex"; readonly pattern: string }
  /** `order` is null where tags have no order; `pattern` is null where every tag fits. */
  | { readonly name: "opaque"; readonly pattern: string | null; readonly order: "pushed" | null };

/** A source: where images come from and how their tags are read. */
export interface SourceConfig {
  readonly name: string;
  readonly connection: SourceSettings;
  readonly refreshIntervalMs: number;
  /** After which a pull of one of its images is given up. */
  readonly pullTimeoutMs: number;
  /** Name of the secret that pods pull with; null for the prepuller's. */
  readonly pullSecret: string | null;
  readonly scheme: SchemeConfig;
  /** RE2 patterns of whole tags: what they match is unknown to every answer. */
  readonly ignore: readonly string[];
  /** RE2 patterns of whole tags that are aliases, besides those that `alias` rules name. */
  readonly aliases: readonly string[];
}

/** One requirement on the labels of a node: that of node affinity (core/v1 NodeSelectorRequirement). */
export interface NodeExpression {
  readonly key: string;
  readonly operator: "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt";
  /** Empty for Exists and DoesNotExist, one integer for Gt and Lt. */
  readonly values: readonly string[];
}

/** A time limit of a rule, with the text that reasons quote. */
export interface WrittenLimit {
  /** `within`: milliseconds. `since` and `until`: milliseconds since the epoch; a rule has ended from `until` on. */
  readonly ms: number;
  /** As the configuration has it: `90d`, `2026-12-20`. */
  readonly text: string;
}

interface RuleBase {
  /** Name of the source. */
  readonly source: string;
  readonly until: WrittenLimit | null;
}

/** That one tag, which becomes an alias. */
export interface AliasRule extends RuleBase {
  readonly kind: "alias";
  readonly alias: string;
}

/** These tags, of any class, in this order. */
export interface PinRule extends RuleBase {
  readonly kind: "pin";
  readonly pin: readonly string[];
}

/** The newest versions of what all other fields admit; a field that is null admits everything, but see `variant`. */
export interface NewestRule extends RuleBase {
  readonly kind: "newest";
  /** 0 to 1,000 versions; tags in a set of `display` order. */
  readonly newest: number;
  readonly class: string | null;
  /** As written; see `parseRange`. */
  readonly range: string | null;
  readonly within: WrittenLimit | null;
  readonly since: WrittenLimit | null;
  /** Each with `*` for any characters; `*` alone takes tags without a variant too. Null: tags without a variant alone. */
  readonly variant: readonly string[] | null;
  /** `newest` of each major version, of each minor one, or of each variant. `variant` implies `variant: ["*"]`. */
  readonly newestPer: "major" | "minor" | "variant" | null;
}

/** What a set wants of one source. */
export type Rule = AliasRule | PinRule | NewestRule;

/** When an image is on the menu, evaluated for each set. */
export interface MenuConfig {
  /** Percent of the nodes that must have the image, rounded up to whole nodes; 100 for `all`. */
  readonly prepulledOnPercent: number;
  /** Nodes younger than this do not count. */
  readonly newNodeGraceMs: number;
}

/** A set: which images belong on which nodes. */
export interface SetConfig {
  readonly name: string;
  readonly selector: Readonly<Record<string, string>>;
  /** ANDed, among themselves and with the selector. */
  readonly expressions: readonly NodeExpression[];
  readonly tolerations: readonly Toleration[];
  /** The images are in this order, and in the order inside each rule. */
  readonly rules: readonly Rule[];
  /**
   * `display` is the set that `images:` stands for: display order instead of the rules', `newest` counts tags instead of
   * versions, only the first image is on the menu unpulled, and answers name the primary of a digest.
   */
  readonly order: "rules" | "display";
}

/** When an image is on the menu, evaluated for each set. */
export interface MenuConfig {
  /** Percent of the nodes that must have the image, rounded up to whole nodes; 100 for `all`. */
  readonly prepulledOnPercent: number;
  /** Nodes younger than this do not count. */
  readonly newNodeGraceMs: number;
}
