import { Gauge, type Registry } from "prom-client";
import type { NodeMissingImages, NodeStatus } from "../domain/snapshot/answers.ts";
import type { Snapshot } from "../domain/snapshot/snapshot.ts";
import { sourceLabel } from "../domain/source-label.ts";
import type { Clock, StateReader } from "../ports.ts";

/** Keys of `images` that name tags, with the problem where the registry lacks one. */
const WISHES = [
  ["recommendedTag", "RECOMMENDED_TAG_MISSING"],
  ["pin", "PINNED_TAG_MISSING"],
] as const;

/** What the gauges read. */
export type MeasuredState = Pick<StateReader, "current" | "sources" | "staleReason">;

/** Gauges that are read off the image state at each scrape. */
export interface StateMetrics {
  /** From now on this state is read. */
  watch(reader: MeasuredState, clock: Clock): void;
  /** Reads it at a scrape. */
  update(): void;
}

/** Gauges of the snapshot and of the sources behind it. */
export function createStateMetrics(registry: Registry): StateMetrics {
  const updateSources = createSourceGauges(registry);
  const updateSnapshot = createSnapshotGauges(registry);
  let watched: { readonly reader: MeasuredState; readonly clock: Clock } | undefined;
  return {
    watch(reader, clock) {
      watched = { reader, clock };
    },
    update() {
      if (watched === undefined) return;
      const { reader, clock } = watched;
      const snapshot = reader.current();
      updateSources(reader, clock);
      if (snapshot !== null) updateSnapshot(snapshot, clock);
    },
  };
}

function createSourceGauges(registry: Registry): (reader: MeasuredState, clock: Clock) => void {
  const gauge = createGauges(registry);
  const stale = gauge("snapshot_stale", "1 while a source of the snapshot is failing, else 0.");
  const up = gauge(
    "source_up",
    "1 while the source is ok, 0 while it is failing or has not responded yet, by source.",
    ["source"],
  );
  const age = gauge("source_age_seconds", "Time since the source was last read with success, by source.", ["source"]);
  return (reader, clock) => {
    stale.set(reader.staleReason() === null ? 0 : 1);
    const sources = reader.sources();
    for (const each of sources) {
      const source = sourceLabel(each, sources);
      up.set({ source }, each.ok ? 1 : 0);
      if (each.lastSuccessTime !== null) age.set({ source }, secondsSince(each.lastSuccessTime, clock));
    }
  };
}

function createSnapshotGauges(registry: Registry): (snapshot: Snapshot, clock: Clock) => void {
  const gauge = createGauges(registry);
  const generation = gauge("snapshot_generation", "Generation of the current snapshot.");
  const age = gauge("snapshot_age_seconds", "Time since the last refresh behind the current snapshot.");
  const images = gauge("images", "Images in the list of all images.");
  const nodes = gauge("nodes", "Nodes that match the node selector.");
  const eligible = gauge("eligible_nodes", "Nodes that images belong on.");
  const truncated = gauge("truncated_nodes", "Nodes whose image reports may leave images out.");
  const unresolved = gauge("unresolved_tags", "Tags that the configuration names and the registry lacks, by key.", [
    "key",
  ]);
  const missing = gauge("missing_images", "Pairs of an eligible node and an image that is missing there.");
  // Before the first snapshot nothing is known of these: 0 would say that there are none.
  for (const unknown of [age, images, nodes, eligible, truncated, missing]) unknown.remove();
  return (snapshot, clock) => {
    const all = snapshot.nodes();
    generation.set(snapshot.generation);
    age.set(secondsSince(snapshot.refreshTime, clock));
    images.set(snapshot.images().images.length);
    nodes.set(all.length);
    eligible.set(count(all, (node) => node.eligible));
    truncated.set(count(all, (node) => node.imagesTruncated));
    missing.set(countPairs(snapshot.missing()));
    const problems = snapshot.problems();
    for (const [key, reason] of WISHES) unresolved.set({ key }, problems.filter((one) => one.reason === reason).length);
  };
}

function createGauges(registry: Registry) {
  return (name: string, help: string, labelNames: string[] = []) =>
    new Gauge({ name: `labimages_${name}`, help, labelNames, registers: [registry] });
}

function secondsSince(time: number, clock: Clock): number {
  return Math.max(0, (clock.wallTime() - time) / 1_000);
}

function count(nodes: readonly NodeStatus[], isCounted: (node: NodeStatus) => boolean): number {
  return nodes.reduce((sum, node) => (isCounted(node) ? sum + 1 : sum), 0);
}

function countPairs(missing: readonly NodeMissingImages[]): number {
  return missing.reduce((sum, { images }) => sum + images.length, 0);
}
