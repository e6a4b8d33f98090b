import { runToCompletion } from "../../src/domain/cooperative.ts";
import type { Catalog } from "../../src/domain/images/catalog.ts";
import { planCatalog } from "../../src/domain/images/catalog-plan.ts";
import { completeCatalog } from "../../src/domain/images/complete-catalog.ts";
import type { NodeRules } from "../../src/domain/nodes/node-record.ts";
import type { NodeReport, ReportedImage, Taint, Toleration } from "../../src/domain/nodes/node-report.ts";
import { editNodeTable, emptyNodeTable, type NodeTable } from "../../src/domain/nodes/node-table.ts";
import type { CatalogSource } from "../../src/domain/sets/catalog-source.ts";
import type { DropdownPolicy, ImageSettings } from "../../src/domain/settings.ts";
import {
  createSnapshot,
  type LookUp,
  type ResolvedImage,
  type Snapshot,
  type SnapshotSettings,
} from "../../src/domain/snapshot/snapshot.ts";
import type { RemoteTag } from "../../src/domain/tags/remote-tag.ts";
import type { ImageSource } from "../../src/ports.ts";
import { createDefaultSource, defaultSettings } from "./default-source.ts";

/** Where the images of the tests are. */
export const REPOSITORY = { registry: "registry.test:5000", repository: "sciplat/lab" };
/** The first part of every reference to a tag. */
export const PREFIX = `${REPOSITORY.registry}/${REPOSITORY.repository}:`;

/** A digest that stands for itself in a test. */
export function digest(name: string): string {
  return `sha256:${name}`;
}

/** Settings that put nothing into the prepull set but `recommended`, unless they say more. */
export function imageSettings(changes: Partial<ImageSettings> = {}): ImageSettings {
  return {
    source: { type: "docker", ...REPOSITORY },
    refreshInterval: 300_000,
    prepullTimeout: 600_000,
    recommendedTag: "recommended",
    numReleases: 0,
    numWeeklies: 0,
    numDailies: 0,
    cycle: null,
    pin: [],
    aliasTags: [],
    ...changes,
  };
}

/** What a service of images alone rests on. */
export function serviceSettings(images: ImageSettings): SnapshotSettings {
  return defaultSettings(images, {});
}

/** What a service of images alone has, with this source. */
export function serviceOf(images: ImageSettings, source: ImageSource) {
  return {
    settings: serviceSettings(images),
    pullTimeoutMs: images.prepullTimeout,
    sources: [{ catalogSource: sourceOf(images), source, refreshIntervalMs: images.refreshInterval }],
  };
}

/** A tag of a listing: with the short name of its digest, and its size, where the registry tells them. */
export type ListedTag = readonly [tag: string, digest?: string | null, sizeBytes?: number];

/** A listing as a registry tells it. */
export function listing(...tags: readonly ListedTag[]): readonly RemoteTag[] {
  return tags.map(([tag, name, sizeBytes]) => ({
    tag,
    digest: name === undefined || name === null ? null : digest(name),
    sizeBytes: sizeBytes ?? null,
  }));
}

/** Answers of the registry to look-ups of tags. */
export function resolved(tags: readonly RemoteTag[]): ReadonlyMap<string, RemoteTag> {
  return new Map(tags.map((entry) => [entry.tag, entry]));
}

const sources = new WeakMap<ImageSettings, CatalogSource>();

/** The source of these settings: the same for the same settings, as in a service. */
export function sourceOf(settings: ImageSettings): CatalogSource {
  const source = sources.get(settings) ?? createDefaultSource(settings);
  sources.set(settings, source);
  return source;
}

/** The catalog of a listing, made whole; digests that it does not tell come from `later`. */
export function catalogOf(
  settings: ImageSettings,
  tags: readonly RemoteTag[],
  previous: Catalog | null = null,
  later: readonly RemoteTag[] = [],
): Catalog {
  const plan = runToCompletion(planCatalog(sourceOf(settings), tags, previous, 0));
  return runToCompletion(completeCatalog(plan, resolved(later), previous));
}

/** What a node reports: its images by the short names of their digests, with sizes. */
export interface ReportContent {
  readonly images?: Readonly<Record<string, number>>;
  /** Entries beyond `images`, for names without digests and with several. */
  readonly entries?: readonly ReportedImage[];
  readonly taints?: readonly Taint[];
  readonly architecture?: string | null;
  readonly uid?: string;
}

/** What most nodes of tests do not have. */
export const NO_TRAITS: Pick<NodeReport, "os" | "labels" | "createdAt" | "notReadySince"> = {
  os: null,
  labels: {},
  createdAt: null,
  notReadySince: null,
};

/** A report of one node. */
export function nodeReport(name: string, content: ReportContent = {}): NodeReport {
  const { images = {}, entries = [], taints = [], architecture = null, uid = `uid-${name}` } = content;
  const reported = Object.entries(images).map(([id, sizeBytes]) => ({ digests: [digest(id)], sizeBytes }));
  return { ...NO_TRAITS, name, uid, architecture, taints, images: [...reported, ...entries] };
}

/** A taint that nothing tolerates. */
export const CORDON: Taint = { key: "node.kubernetes.io/unschedulable", value: "", effect: "NoSchedule" };

/** Rules of tests: those of one set that has all nodes, with these tolerations. */
export type RuleChanges = Partial<NodeRules> & { readonly tolerations?: readonly Toleration[] };

/** Rules by which a list of images is never cut, unless they say otherwise. */
export function nodeRules({ tolerations = [], ...changes }: RuleChanges = {}): NodeRules {
  const sets = [{ selector: {}, expressions: [], tolerations }];
  return { sets, systems: [], nodeStatusMaxImages: -1, markGrace: 60_000, excludesDrained: false, ...changes };
}

/** The table of nodes that have reported once, at time zero. */
export function tableOf(reports: readonly NodeReport[], rules: NodeRules = nodeRules()): NodeTable {
  const editor = editNodeTable(emptyNodeTable(rules));
  for (const report of reports) editor.report(report, 0);
  return editor.finish();
}

/** What a snapshot of a test is made of; all but the listing may be left out. */
export interface WorldContent {
  readonly settings?: Partial<ImageSettings>;
  readonly tags: readonly RemoteTag[];
  readonly nodes?: readonly NodeReport[];
  readonly rules?: RuleChanges;
  readonly dropdown?: DropdownPolicy;
}

/** A snapshot, made from scratch. */
export function snapshotOf({ settings, tags, nodes = [], rules, dropdown = {} }: WorldContent): Snapshot {
  const images = imageSettings(settings);
  const table = tableOf(nodes, nodeRules(rules));
  const catalogs = [catalogOf(images, tags)];
  const parts = {
    settings: defaultSettings(images, dropdown),
    catalogs,
    table,
    time: 0,
    generation: 1,
    refreshTime: 0,
  };
  return createSnapshot(parts, null);
}

/** The next snapshot, with some of its parts changed. */
export function nextSnapshot(before: Snapshot, changes: { catalog?: Catalog; table?: NodeTable }): Snapshot {
  const { settings, time, refreshTime } = before;
  const { catalog, table = before.table } = changes;
  const catalogs = catalog === undefined ? before.catalogs : [catalog];
  const parts = { settings, catalogs, table, time, generation: before.generation + 1, refreshTime };
  return createSnapshot(parts, before);
}

/** The catalog of the only source. */
export function onlyCatalog({ catalogs: [catalog] }: Pick<Snapshot, "catalogs">): Catalog {
  if (catalog === undefined) throw new Error("there is no catalog");
  return catalog;
}

/** The image that a look-up found; throws where it only found that the registry has to be asked. */
export function found(lookUp: LookUp): ResolvedImage {
  if (lookUp.kind === "image") return lookUp.resolved;
  throw new Error(`the registry has to be asked for ${lookUp.tag}`);
}

/** What each node lacks, by tags. */
export function missingTags(snapshot: Snapshot): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(snapshot.missing().map(({ node, images }) => [node, images.map(({ tag }) => tag)]));
}
