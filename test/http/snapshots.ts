import { runToCompletion } from "../../src/domain/cooperative.ts";
import { planCatalog } from "../../src/domain/images/catalog-plan.ts";
import { completeCatalog } from "../../src/domain/images/complete-catalog.ts";
import type { Image } from "../../src/domain/images/image.ts";
import type { NodeReport } from "../../src/domain/nodes/node-report.ts";
import { editNodeTable, emptyNodeTable } from "../../src/domain/nodes/node-table.ts";
import type { ImageSettings } from "../../src/domain/settings.ts";
import { createSnapshot, type Snapshot } from "../../src/domain/snapshot/snapshot.ts";
import type { RemoteTag } from "../../src/domain/tags/remote-tag.ts";
import type { RouteState } from "../../src/http/route.ts";
import type { SourceState } from "../../src/ports.ts";
import { createDefaultSource, defaultSettings } from "../support/default-source.ts";
import { NO_TRAITS, nodeRules } from "../support/image-world.ts";

/** A prepull policy like that of the original's documentation. */
export const SETTINGS: ImageSettings = {
  source: { type: "docker", registry: "r.example.org", repository: "a/b" },
  refreshInterval: 90_500,
  prepullTimeout: 600_000,
  recommendedTag: "recommended",
  numReleases: 1,
  numWeeklies: 2,
  numDailies: 3,
  cycle: null,
  pin: [],
  aliasTags: [],
};

/** What a registry and a cluster hold. */
export interface World {
  /** Tags with their digests. */
  readonly tags: Readonly<Record<string, string>>;
  /** Nodes with the digests that they have; a name in capitals is that of a tainted node. */
  readonly nodes: Readonly<Record<string, readonly string[]>>;
}

/** The snapshot that the domain makes of a world. */
export function snapshotOf(world: World, generation = 1, refreshTime = 0): Snapshot {
  const listing: RemoteTag[] = Object.entries(world.tags).map(([tag, digest]) => ({ tag, digest, sizeBytes: null }));
  const plan = runToCompletion(planCatalog(createDefaultSource(SETTINGS), listing, null, 0));
  const catalog = runToCompletion(completeCatalog(plan, new Map(), null));
  const editor = editNodeTable(emptyNodeTable(nodeRules({ nodeStatusMaxImages: 2, markGrace: 0 })));
  for (const [name, digests] of Object.entries(world.nodes)) editor.report(nodeOf(name, digests), 0);
  const table = editor.finish();
  return createSnapshot(
    { settings: defaultSettings(SETTINGS, {}), catalogs: [catalog], table, time: 0, generation, refreshTime },
    null,
  );
}

function nodeOf(name: string, digests: readonly string[]): NodeReport {
  const isTainted = name === name.toUpperCase();
  return {
    ...NO_TRAITS,
    name,
    uid: name,
    architecture: null,
    taints: isTainted ? [{ key: "k", value: "", effect: "NoSchedule" }] : [],
    images: digests.map((digest) => ({ digests: [digest], sizeBytes: 1_000 })),
  };
}

/** What a reader reads. */
export interface ReadState {
  snapshot: Snapshot | null;
  sources: readonly SourceState[];
  staleReason: string | null;
}

/** A reader of whatever `state` holds at the moment. */
export function readerOf(state: ReadState): RouteState {
  return {
    epoch: "epoch",
    current: () => state.snapshot,
    sources: () => state.sources,
    staleReason: () => state.staleReason,
  };
}

/** An image with these fields and plain ones for the rest. */
export function plainImage(fields: Partial<Image> & { readonly tag: string }): Image {
  const reference = `r.example.org/a/b:${fields.tag}`;
  return {
    reference,
    pullReference: reference,
    source: "default",
    tagClass: "other",
    platforms: null,
    wantedBy: [],
    displayName: fields.tag,
    type: "UNKNOWN",
    digest: null,
    aliases: [],
    aliasCount: 0,
    aliasTarget: null,
    architecture: null,
    cycle: null,
    date: null,
    sizeBytes: null,
    prepulled: false,
    ...fields,
  };
}
