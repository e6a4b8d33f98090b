import { runToCompletion } from "../../src/domain/cooperative.ts";
import type { Catalog } from "../../src/domain/images/catalog.ts";
import { planCatalog } from "../../src/domain/images/catalog-plan.ts";
import { completeCatalog } from "../../src/domain/images/complete-catalog.ts";
import type { NodeReport, ReportedImage } from "../../src/domain/nodes/node-report.ts";
import { editNodeTable, emptyNodeTable, type NodeTable } from "../../src/domain/nodes/node-table.ts";
import { createSnapshot, type Snapshot } from "../../src/domain/snapshot/snapshot.ts";
import type { RemoteTag } from "../../src/domain/tags/remote-tag.ts";
import { createDefaultSource, defaultSettings } from "../support/default-source.ts";
import { imageSettings, nodeRules } from "../support/image-world.ts";
import {
  digestOf,
  dockerListing,
  googleListing,
  imagesOnNode,
  nodeName,
  sizeOnNodes,
  type WorldSize,
} from "./content.ts";

/** What a refresh starts from, before any of the service's own work is done. */
export interface RawWorld {
  readonly listing: readonly RemoteTag[];
  readonly reports: readonly NodeReport[];
}

const REPOSITORY = { registry: "registry.example.org", repository: "library/sketchbook" };
const SETTINGS = imageSettings({
  source: { type: "docker", ...REPOSITORY },
  numReleases: 2,
  numWeeklies: 4,
  numDailies: 5,
  aliasTags: ["latest_weekly", "latest_daily", "latest_release"],
});
const SOURCE = createDefaultSource(SETTINGS);
const RULES = nodeRules({ nodeStatusMaxImages: 50 });
/** A dropdown that filters by number and by age, as a deployment's does. */
const DROPDOWN = {
  release: { number: 50, age: null, cutoffBuild: null, cutoffDate: null, cutoffVersion: null },
  daily: { number: null, age: 90 * 86_400_000, cutoffBuild: null, cutoffDate: null, cutoffVersion: null },
};

const SNAPSHOT_SETTINGS = defaultSettings(SETTINGS, DROPDOWN);

/** Milliseconds since the epoch at which these worlds are looked at. */
export const WORLD_TIME: number = Date.UTC(2077, 9, 24);

/** Listing and reports of a world of this size. The nodes' first images are those of the prepull set. */
export function rawWorld(source: "docker" | "google", size: WorldSize): RawWorld {
  const listing = source === "docker" ? dockerListing(size.tags) : googleListing(size.tags);
  const wanted = prepullDigests(listing);
  const entry = (image: number): ReportedImage => ({
    digests: [wanted[image] ?? digestOf(image)],
    sizeBytes: sizeOnNodes(image),
  });
  const shared = Array.from({ length: 600 }, (_, image) => entry(image));
  const reports = Array.from({ length: size.nodes }, (_, number) =>
    report(
      nodeName(number),
      imagesOnNode(number, size.imagesPerNode).map((image) => shared[image] ?? entry(image)),
    ),
  );
  return { listing, reports };
}

/** A report of one node. */
export function report(name: string, images: readonly ReportedImage[]): NodeReport {
  return {
    name,
    uid: `uid-${name}`,
    os: null,
    labels: {},
    createdAt: null,
    notReadySince: null,
    architecture: "amd64",
    taints: [],
    images,
  };
}

function prepullDigests(listing: readonly RemoteTag[]): readonly string[] {
  const { prepullSet } = buildCatalog(listing);
  return [...new Set(prepullSet.map(({ digest }) => digest ?? ""))];
}

/** The remote images of a listing; digests that it does not tell are made up as the registry would tell them. */
export function buildCatalog(listing: readonly RemoteTag[]): Catalog {
  const plan = runToCompletion(planCatalog(SOURCE, listing, null, WORLD_TIME));
  const told = plan.unresolved.map((tag, at): [string, RemoteTag] => [
    tag,
    { tag, digest: digestOf(1_000_000 + at), sizeBytes: null },
  ]);
  return runToCompletion(completeCatalog(plan, new Map(told), null));
}

/** The table of nodes that have reported once. */
export function buildTable(reports: readonly NodeReport[]): NodeTable {
  const editor = editNodeTable(emptyNodeTable(RULES));
  for (const each of reports) editor.report(each, 0);
  return editor.finish();
}

/** A snapshot of these parts. */
export function buildSnapshot(catalog: Catalog, table: NodeTable, previous: Snapshot | null): Snapshot {
  const generation = (previous?.generation ?? 0) + 1;
  const times = { time: WORLD_TIME, refreshTime: WORLD_TIME };
  const parts = { settings: SNAPSHOT_SETTINGS, catalogs: [catalog], table, generation, ...times };
  return createSnapshot(parts, previous);
}

/** Asks for what a refresh of the original computes: every image with what nodes add to it, and what is missing where. */
export function settle(snapshot: Snapshot): void {
  snapshot.images();
  snapshot.missing();
  snapshot.prepullImages();
}

/** Asks for every answer that a snapshot can give but look-ups, which follow from the images. */
export function answerAll(snapshot: Snapshot): void {
  settle(snapshot);
  snapshot.menu(WORLD_TIME);
  snapshot.nodes();
}

/** All of a refresh's work on its raw parts, up to a snapshot whose images are described. */
export function buildWhole({ listing, reports }: RawWorld): Snapshot {
  const snapshot = buildSnapshot(buildCatalog(listing), buildTable(reports), null);
  settle(snapshot);
  return snapshot;
}
