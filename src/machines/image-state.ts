import type { Catalog } from "../domain/images/catalog.ts";
import { withheldReason } from "../domain/images/withheld.ts";
import { digestsOn } from "../domain/nodes/node-record.ts";
import { editNodeTable, type NodeTable, nodeNamed } from "../domain/nodes/node-table.ts";
import type { DropdownPolicy, ImageSettings } from "../domain/settings.ts";
import { addsToMissing } from "../domain/snapshot/missing-growth.ts";
import { createSnapshot, type Snapshot } from "../domain/snapshot/snapshot.ts";
import type { NodeChange, NodePage, RefreshCause, SourceState } from "../ports.ts";
import { describeFaults, NO_FAULTS, type RefreshFaults } from "./refresh.ts";

/** What the coordinator rests on and does not change. */
export interface CoordinatorSettings {
  readonly images: ImageSettings;
  readonly dropdown: DropdownPolicy;
}

/** The next snapshot while its parts come in. */
export interface Pending {
  readonly table: NodeTable;
  /** Names of the nodes of each page so far, and of those that have joined since the first one. */
  readonly listed: readonly (readonly string[])[];
  /** Whether the list of nodes is whole. */
  readonly whole: boolean;
  readonly catalog: Catalog | null;
}

/** The image state: all that the coordinating actor owns. Each function below gives the next one. */
export interface ImageState {
  readonly settings: CoordinatorSettings;
  /** The nodes as they are known now; the snapshot's, once there is one. */
  readonly table: NodeTable;
  readonly pending: Pending | null;
  readonly snapshot: Snapshot | null;
  /** Refreshes started so far; the one that is under way, or the last one, has this number. */
  readonly startedRuns: number;
  readonly sources: { readonly registry: SourceState; readonly kubernetes: SourceState };
  /** Why the last refresh failed. */
  readonly refreshFaults: RefreshFaults;
  /** Why the nodes cannot be followed between refreshes, or null. */
  readonly watchFault: Error | null;
  /** Whether a change between refreshes has added to what is missing, and the gates have not been told yet. */
  readonly missingGrown: boolean;
  /** The last data refresh that gates were told of. */
  readonly lastOpening: { readonly generation: number; readonly cause: RefreshCause } | null;
}

/** The state before anything is known. */
export function initialImageState(settings: CoordinatorSettings, table: NodeTable): ImageState {
  const unseen = { ok: false, reason: "no answer yet", lastSuccessTime: null };
  return {
    settings,
    table,
    pending: null,
    snapshot: null,
    startedRuns: 0,
    sources: { registry: { name: "registry", ...unseen }, kubernetes: { name: "kubernetes", ...unseen } },
    refreshFaults: NO_FAULTS,
    watchFault: null,
    missingGrown: false,
    lastOpening: null,
  };
}

/** A refresh starts: the next snapshot begins as the nodes are known now. */
export function beginRun(state: ImageState): ImageState {
  return {
    ...state,
    startedRuns: state.startedRuns + 1,
    pending: { table: state.table, listed: [], whole: false, catalog: null },
  };
}

/** One page of nodes for the next snapshot. */
export function addPage(state: ImageState, { nodes, observedAt }: NodePage): ImageState {
  if (state.pending === null) return state;
  const editor = editNodeTable(state.pending.table);
  for (const node of nodes) editor.report(node, observedAt);
  const listed = [...state.pending.listed, nodes.map(({ name }) => name)];
  return { ...state, pending: { ...state.pending, table: editor.finish(), listed } };
}

/** The pages so far are void. */
export function dropPages(state: ImageState): ImageState {
  return state.pending === null ? state : { ...state, pending: { ...state.pending, table: state.table, listed: [] } };
}

/** All pages are there: nodes that stand in none have left. */
export function closePages(state: ImageState, now: number): ImageState {
  if (state.pending === null) return state;
  const editor = editNodeTable(state.pending.table);
  editor.retain(new Set(state.pending.listed.flat()));
  const closed = { ...state, pending: { ...state.pending, table: editor.finish(), whole: true } };
  const listed = withSource(closed, "kubernetes", null, now);
  return state.watchFault === null ? listed : withSource(listed, "kubernetes", state.watchFault.message, now);
}

/** The remote images for the next snapshot. */
export function addCatalog(state: ImageState, catalog: Catalog, now: number): ImageState {
  if (state.pending === null) return state;
  const listed = withSource({ ...state, pending: { ...state.pending, catalog } }, "registry", null, now);
  if (catalog.withheld.length === 0) return listed;
  const reason = withheldReason(catalog.withheld);
  return { ...listed, sources: { ...listed.sources, registry: { ...listed.sources.registry, reason } } };
}

/** The parts are whole: the next snapshot takes the place of the last one. */
export function swap(state: ImageState, cause: RefreshCause, now: number): ImageState {
  const { pending } = state;
  if (pending === null || pending.catalog === null) return state;
  const next = { ...state, pending: null, refreshFaults: NO_FAULTS };
  const replaced = replaceSnapshot(next, pending.catalog, pending.table, now);
  return announce(replaced, cause);
}

/**
 * The refresh has failed. The last images stay; nodes that were listed whole are taken over like any other change of
 * nodes, because the watch goes on from that list.
 */
export function failRun(state: ImageState, faults: RefreshFaults): ImageState {
  const { pending } = state;
  const failed = { ...state, pending: null, refreshFaults: faults };
  const next = pending?.whole ? withTable(failed, pending.table) : failed;
  const seen = faults.kubernetes === null ? next : withSource(next, "kubernetes", faults.kubernetes.message, 0);
  return faults.registry === null ? seen : withSource(seen, "registry", faults.registry.message, 0);
}

/** The refresh cycle itself has broken: a defect, not a failure of a source. */
export function abandonRun(state: ImageState): ImageState {
  const { registry, kubernetes } = state.sources;
  const sources = { registry: withoutRefresh(registry), kubernetes: withoutRefresh(kubernetes) };
  const table = state.pending?.whole ? state.pending.table : state.table;
  return { ...withTable(state, table), pending: null, sources };
}

/** The refresh has been running since `since` for longer than is usual: sources that it still waits for show that. */
export function showSlowRun(state: ImageState, faults: RefreshFaults, since: number): ImageState {
  const { pending, sources } = state;
  if (pending === null) return state;
  const show = (name: SourceState["name"], isPending: boolean): SourceState =>
    isPending && faults[name] === null ? { ...sources[name], refreshingSince: since } : sources[name];
  const registry = show("registry", pending.catalog === null);
  return { ...state, sources: { registry, kubernetes: show("kubernetes", !pending.whole) } };
}

function withoutRefresh({ refreshingSince: _, ...source }: SourceState): SourceState {
  return source;
}

/** Nodes have changed, between refreshes or during one. */
export function applyChanges(before: ImageState, changes: readonly NodeChange[]): ImageState {
  const state = withJoined(before, changes);
  return editTables(state, (editor) => {
    for (const change of changes) {
      if (change.type === "node.reported") editor.report(change.node, change.observedAt);
      else editor.remove(change.name, change.uid);
    }
  });
}

/**
 * What the watch tells after the first page of a list is newer than that list (ports.ts, NodeListener): a node that
 * joins then stands in no page, and has not left.
 */
function withJoined(state: ImageState, changes: readonly NodeChange[]): ImageState {
  const { pending } = state;
  if (pending === null || pending.whole || pending.listed.length === 0) return state;
  const joined = changes.flatMap((change) => (change.type === "node.reported" ? [change.node.name] : []));
  return { ...state, pending: { ...pending, listed: [...pending.listed, joined] } };
}

/** Whether a mark would say anything: the digest is in the prepull set, and the node is there. */
export function isMarkable({ snapshot, table }: ImageState, digest: string, node: string): boolean {
  return (
    snapshot?.catalog.prepullSet.some((entry) => entry.digest === digest) === true && nodeNamed(table, node) !== null
  );
}

/** An image has been pulled to a node, as somebody says; ignored where it is not markable (docs/spec/look-ups.md). */
export function applyMark(state: ImageState, digest: string, node: string, markedAt: number): ImageState {
  if (!isMarkable(state, digest, node)) return state;
  const record = nodeNamed(state.table, node);
  const next = editTables(state, (editor) => {
    editor.mark(node, digest, markedAt);
  });
  // A mark that is renewed runs longer, and shows nothing new: no generation for it (field case F67).
  const isRenewed = record !== null && digestsOn(record).has(digest);
  return isRenewed ? { ...next, snapshot: state.snapshot, missingGrown: state.missingGrown } : next;
}

/** The gates have been told of the current snapshot. */
export function announce(state: ImageState, cause: RefreshCause): ImageState {
  const generation = state.snapshot?.generation ?? 0;
  return { ...state, missingGrown: false, lastOpening: { generation, cause } };
}

/** The watch works (null), or does not. */
export function setWatchFault(state: ImageState, fault: Error | null): ImageState {
  const { kubernetes } = state.sources;
  const reason = (fault ?? state.refreshFaults.kubernetes)?.message ?? "";
  const sources = { ...state.sources, kubernetes: { ...kubernetes, ok: reason === "", reason } };
  return { ...state, watchFault: fault, sources };
}

/** Why the snapshot may be out of date, each source with its own reason; null where it is not. */
export function staleReason({ refreshFaults, watchFault }: ImageState): string | null {
  const { registry, kubernetes } = refreshFaults;
  return describeFaults({ registry, kubernetes: kubernetes ?? watchFault }) || null;
}

/** A list has succeeded (null) or failed; the cluster is well only if its nodes can be followed, too. */
function withSource(state: ImageState, name: SourceState["name"], fault: string | null, now: number): ImageState {
  const lastSuccessTime = fault === null ? now : state.sources[name].lastSuccessTime;
  const reason = fault ?? (name === "kubernetes" ? (state.watchFault?.message ?? "") : "");
  const source = { name, ok: reason === "", reason, lastSuccessTime };
  return { ...state, sources: { ...state.sources, [name]: source } };
}

/** What happens between refreshes happens to the next snapshot too, if one is being gathered. */
function editTables(state: ImageState, edit: (editor: ReturnType<typeof editNodeTable>) => void): ImageState {
  const editor = editNodeTable(state.table);
  edit(editor);
  const table = editor.finish();
  let pending = state.pending;
  if (pending !== null) {
    const other = editNodeTable(pending.table);
    edit(other);
    pending = { ...pending, table: other.finish() };
  }
  return withTable({ ...state, pending }, table);
}

/** Other nodes, the same images: a new snapshot, unless nothing differs. */
function withTable(state: ImageState, table: NodeTable): ImageState {
  const { snapshot } = state;
  if (table === state.table || snapshot === null) return { ...state, table };
  const next = replaceSnapshot(state, snapshot.catalog, table, snapshot.refreshTime);
  const grown = next.snapshot !== null && addsToMissing(snapshot.missing(), next.snapshot.missing());
  return { ...next, missingGrown: state.missingGrown || grown };
}

function replaceSnapshot(state: ImageState, catalog: Catalog, table: NodeTable, refreshTime: number): ImageState {
  const generation = (state.snapshot?.generation ?? 0) + 1;
  const { images, dropdown } = state.settings;
  const snapshot = createSnapshot(
    { settings: images, dropdown, catalog, table, generation, refreshTime },
    state.snapshot,
  );
  return { ...state, table, snapshot };
}
