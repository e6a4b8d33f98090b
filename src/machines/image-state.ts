import type { Catalog } from "../domain/images/catalog.ts";
import { withheldReason } from "../domain/images/withheld.ts";
import { digestsOn } from "../domain/nodes/node-record.ts";
import { editNodeTable, type NodeTable, nodeNamed } from "../domain/nodes/node-table.ts";
import { isWantedBy } from "../domain/sets/explain.ts";
import { addsToMissing } from "../domain/snapshot/missing-growth.ts";
import { createSnapshot, type Snapshot, type SnapshotSettings } from "../domain/snapshot/snapshot.ts";
import type { NodeChange, NodePage, RefreshCause } from "../ports.ts";
import {
  errorOfFaults,
  NO_FAULTS,
  type RefreshFaults,
  type RefreshPart,
  type RefreshReport,
  SLOW_REFRESH_MS,
} from "./refresh.ts";
import {
  failedSources,
  type SourceHealth,
  showSlowSources,
  unseenSources,
  withCluster,
  withoutSlowSources,
  withRegistry,
  withWatchFault,
} from "./source-health.ts";
import type { GateOpening } from "./wait-gate.ts";

/** The next snapshot while its parts come in. */
interface Pending {
  readonly table: NodeTable;
  /** Names of the nodes of each page so far, and of those that have joined since the first one. */
  readonly listed: readonly (readonly string[])[];
  /** Whether the list of nodes is whole. */
  readonly whole: boolean;
  /** What the sources of images have brought; null until they have settled. */
  readonly listing: Extract<RefreshPart, { type: "images.listed" }> | null;
}

/** How a refresh ended; `error` is null where it succeeded, and no LabImagesError where the refresh cycle crashed. */
export interface RefreshSettlement {
  readonly run: number;
  readonly cause: RefreshCause | null;
  readonly faults: RefreshFaults;
  readonly error: Error | null;
}

/** What changes the image state. */
export type ImageEvent =
  | RefreshPart
  | RefreshReport
  | { readonly type: "xstate.error.actor.refresh"; readonly error: unknown }
  /** Nodes have changed, between refreshes or during one. */
  | { readonly type: "nodes.changed"; readonly changes: readonly NodeChange[] }
  /** Changes since the last opening have been gathered for long enough: the gates open for them. */
  | { readonly type: "changes.settled" }
  | { readonly type: "watch.failed"; readonly error: Error }
  | { readonly type: "watch.recovered" }
  | {
      readonly type: "image.prepulled";
      readonly digest: string;
      readonly node: string;
      /** Where given, the mark is for this node alone, and not for another one that was created under its name. */
      readonly uid?: string;
      readonly markedAt: number;
    };

/** The image state: all that the coordinating actor owns. */
export interface ImageState extends SourceHealth {
  readonly settings: SnapshotSettings;
  /** The nodes as they are known now; the snapshot's, once there is one. */
  readonly table: NodeTable;
  readonly pending: Pending | null;
  readonly snapshot: Snapshot | null;
  /** Refreshes started so far; the one that is under way, or the last one, has this number. */
  readonly startedRuns: number;
  /** Whether a change between refreshes has added to what is missing since the gates were opened last. */
  readonly missingGrown: boolean;
  /** The last data refresh for which the gates were opened. */
  readonly lastOpening: GateOpening | null;
  /** The last refresh that ended. */
  readonly lastSettled: RefreshSettlement | null;
}

/** The state before anything is known. */
export function initialImageState(settings: SnapshotSettings, table: NodeTable): ImageState {
  return {
    settings,
    table,
    pending: null,
    snapshot: null,
    startedRuns: 0,
    ...unseenSources(settings.sources),
    missingGrown: false,
    lastOpening: null,
    lastSettled: null,
  };
}

/** Returns the state after the event, at `now` in ms since the epoch. What the event does not change is the same object. */
export function reduceImages(state: ImageState, event: ImageEvent, now: number): ImageState {
  switch (event.type) {
    case "refresh.started":
      return beginRun(state);
    case "refresh.slow":
      return showSlowRun(state, event.faults, now - SLOW_REFRESH_MS);
    case "nodes.paged":
      return addPage(state, event.page);
    case "nodes.restarted":
      return dropPages(state);
    case "nodes.listed":
      return closePages(state, now);
    case "images.listed":
      return addListing(state, event, now);
    case "refresh.completed":
      return settle(swap(state, event.cause, now), event.cause, NO_FAULTS, null);
    case "refresh.failed":
      return settle(failRun(state, event.faults, now), event.cause, event.faults, errorOfFaults(event.faults));
    case "xstate.error.actor.refresh":
      return settle(
        abandonRun(state, now),
        null,
        NO_FAULTS,
        new Error("the refresh cycle crashed", { cause: event.error }),
      );
    case "nodes.changed":
      return applyChanges(state, event.changes, now);
    case "changes.settled":
      return announce(state, "NODES_CHANGED");
    case "image.prepulled":
      return applyMark(state, event, now);
    case "watch.failed":
      return withWatchFault(state, event.error);
    case "watch.recovered":
      return withWatchFault(state, null);
  }
}

function settle(state: ImageState, cause: RefreshCause | null, faults: RefreshFaults, error: Error | null): ImageState {
  return { ...state, lastSettled: { run: state.startedRuns, cause, faults, error } };
}

/** A refresh starts: the next snapshot begins as the nodes are known now. */
function beginRun(state: ImageState): ImageState {
  return {
    ...state,
    startedRuns: state.startedRuns + 1,
    pending: { table: state.table, listed: [], whole: false, listing: null },
  };
}

/** One page of nodes for the next snapshot. */
function addPage(state: ImageState, { nodes, observedAt }: NodePage): ImageState {
  if (state.pending === null) return state;
  const editor = editNodeTable(state.pending.table);
  for (const node of nodes) editor.report(node, observedAt);
  const listed = [...state.pending.listed, nodes.map(({ name }) => name)];
  return { ...state, pending: { ...state.pending, table: editor.finish(), listed } };
}

/** The pages so far are void. */
function dropPages(state: ImageState): ImageState {
  return state.pending === null ? state : { ...state, pending: { ...state.pending, table: state.table, listed: [] } };
}

/** All pages are there: nodes that are in none have left. */
function closePages(state: ImageState, now: number): ImageState {
  if (state.pending === null) return state;
  const editor = editNodeTable(state.pending.table);
  editor.retain(new Set(state.pending.listed.flat()));
  const closed = { ...state, pending: { ...state.pending, table: editor.finish(), whole: true } };
  return withCluster(closed, null, now);
}

/** The remote images for the next snapshot. */
function addListing(
  state: ImageState,
  listing: Extract<RefreshPart, { type: "images.listed" }>,
  now: number,
): ImageState {
  if (state.pending === null) return state;
  const next = { ...state, pending: { ...state.pending, listing } };
  const listed = listing.catalogs.reduce(
    (health, { source, withheld }) =>
      withRegistry(health, source.name, null, now, withheld.length === 0 ? "" : withheldReason(withheld)),
    next,
  );
  return listing.failed.reduce((health, { source, error }) => withRegistry(health, source, error.message, now), listed);
}

/** The catalogs of the next snapshot: a source that was not listed, or has failed, keeps the one that it had. */
function mergeCatalogs({ settings, snapshot }: ImageState, listed: readonly Catalog[]): readonly Catalog[] {
  return settings.sources.flatMap((name) => {
    const isIts = ({ source }: Catalog) => source.name === name;
    return listed.find(isIts) ?? snapshot?.catalogs.find(isIts) ?? [];
  });
}

/**
 * The parts are whole: the next snapshot takes the place of the last one. Where no source was listed (a retry in which
 * those that were due have failed again), the images are as old as before and the gates stay as they are, as with a
 * change of nodes; the snapshot is a new one, because what is wanted may depend on the time.
 */
function swap(state: ImageState, cause: RefreshCause, now: number): ImageState {
  const { pending } = state;
  if (pending === null || pending.listing === null) return state;
  const { catalogs, failed } = pending.listing;
  const next = { ...state, pending: null, refreshFaults: NO_FAULTS, sourceFaults: failed };
  if (catalogs.length === 0) return withSameImages(next, pending.table, now);
  const merged = mergeCatalogs(state, catalogs);
  const replaced = replaceSnapshot(next, merged, pending.table, { time: now, refreshTime: now });
  return announce(replaced, cause);
}

/**
 * The refresh has failed. The last images stay; nodes that were listed whole are taken over like any other change of
 * nodes, because the watch goes on from that list.
 */
function failRun(state: ImageState, faults: RefreshFaults, now: number): ImageState {
  const { pending } = state;
  const failed = { ...state, pending: null, refreshFaults: faults, sourceFaults: pending?.listing?.failed ?? [] };
  const next = pending?.whole ? withTable(failed, pending.table, now) : failed;
  const seen = faults.kubernetes === null ? next : withCluster(next, faults.kubernetes.message, now);
  return failedSources(failed).reduce(
    (health, { source, error }) => withRegistry(health, source, error.message, now),
    seen,
  );
}

/** The refresh cycle itself has crashed: a defect, not a failure of a source. */
function abandonRun(state: ImageState, now: number): ImageState {
  const table = state.pending?.whole ? state.pending.table : state.table;
  return { ...withoutSlowSources(withTable(state, table, now)), pending: null };
}

/** The refresh has been running since `since` for longer than is usual. */
function showSlowRun(state: ImageState, faults: RefreshFaults, since: number): ImageState {
  const { pending } = state;
  if (pending === null) return state;
  const waitsFor = { registry: pending.listing === null, kubernetes: !pending.whole };
  return showSlowSources(state, waitsFor, faults, since);
}

/** Nodes have changed, between refreshes or during one. */
function applyChanges(before: ImageState, changes: readonly NodeChange[], now: number): ImageState {
  const state = withJoined(before, changes);
  return editTables(
    state,
    (editor) => {
      for (const change of changes) {
        if (change.type === "node.reported") editor.report(change.node, change.observedAt);
        else editor.remove(change.name, change.uid);
      }
    },
    now,
  );
}

/**
 * What the watch reports after the first page of a list is newer than that list (ports.ts, NodeListener): a node that
 * joins then is in no page, and has not left.
 */
function withJoined(state: ImageState, changes: readonly NodeChange[]): ImageState {
  const { pending } = state;
  if (pending === null || pending.whole || pending.listed.length === 0) return state;
  const joined = changes.flatMap((change) => (change.type === "node.reported" ? [change.node.name] : []));
  return { ...state, pending: { ...pending, listed: [...pending.listed, joined] } };
}

/** Whether a mark has a meaning: some set wants the digest, of whatever source, and the node is there. */
export function isMarkable({ snapshot, table }: ImageState, digest: string, node: string): boolean {
  return snapshot?.wanted.sets.some((set) => isWantedBy(set, { digest })) === true && nodeNamed(table, node) !== null;
}

/** A mark is ignored where it would change nothing that is wanted (docs/spec/look-ups.md). */
function applyMark(
  state: ImageState,
  { digest, node, uid, markedAt }: Extract<ImageEvent, { type: "image.prepulled" }>,
  now: number,
): ImageState {
  if (!isMarkable(state, digest, node)) return state;
  const record = nodeNamed(state.table, node);
  if (uid !== undefined && record?.report.uid !== uid) return state;
  const next = editTables(
    state,
    (editor) => {
      editor.mark(node, digest, markedAt);
    },
    now,
  );
  // A mark that is renewed lasts longer, and shows nothing new: no generation for it (field case F67).
  const isRenewed = record !== null && digestsOn(record).has(digest);
  return isRenewed ? { ...next, snapshot: state.snapshot, missingGrown: state.missingGrown } : next;
}

/** The gates open for the current snapshot. */
function announce(state: ImageState, cause: RefreshCause): ImageState {
  const generation = state.snapshot?.generation ?? 0;
  return { ...state, missingGrown: false, lastOpening: { generation, cause } };
}

/** What happens between refreshes happens to the next snapshot too, if one is being gathered. */
function editTables(
  state: ImageState,
  edit: (editor: ReturnType<typeof editNodeTable>) => void,
  now: number,
): ImageState {
  const editor = editNodeTable(state.table);
  edit(editor);
  const table = editor.finish();
  let pending = state.pending;
  if (pending !== null) {
    const other = editNodeTable(pending.table);
    edit(other);
    pending = { ...pending, table: other.finish() };
  }
  return withTable({ ...state, pending }, table, now);
}

/** Other nodes, the same images: a new snapshot, unless nothing differs. */
function withTable(state: ImageState, table: NodeTable, now: number): ImageState {
  return table === state.table ? { ...state, table } : withSameImages(state, table, now);
}

/** A new snapshot of the same images, once there is one. */
function withSameImages(state: ImageState, table: NodeTable, now: number): ImageState {
  const { snapshot } = state;
  if (snapshot === null) return { ...state, table };
  const next = replaceSnapshot(state, snapshot.catalogs, table, { time: now, refreshTime: snapshot.refreshTime });
  const grown = next.snapshot !== null && addsToMissing(snapshot.missing(), next.snapshot.missing());
  return { ...next, missingGrown: state.missingGrown || grown };
}

function replaceSnapshot(
  state: ImageState,
  catalogs: readonly Catalog[],
  table: NodeTable,
  times: Pick<Snapshot, "time" | "refreshTime">,
): ImageState {
  const generation = (state.snapshot?.generation ?? 0) + 1;
  const { settings } = state;
  const snapshot = createSnapshot({ settings, catalogs, table, generation, ...times }, state.snapshot);
  return { ...state, table: snapshot.table, snapshot };
}
