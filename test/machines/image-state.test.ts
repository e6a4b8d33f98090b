import assert from "node:assert/strict";
import { test } from "node:test";
import { KubernetesUnavailableError, RegistryUnavailableError } from "../../src/domain/errors.ts";
import type { Catalog } from "../../src/domain/images/catalog.ts";
import { emptyNodeTable } from "../../src/domain/nodes/node-table.ts";
import {
  type ImageEvent,
  type ImageState,
  initialImageState,
  isMarkable,
  reduceImages,
} from "../../src/machines/image-state.ts";
import { NO_FAULTS, type RefreshFaults, SLOW_REFRESH_MS } from "../../src/machines/refresh.ts";
import { failedSources, staleReason } from "../../src/machines/source-health.ts";
import type { NodeChange, RefreshCause } from "../../src/ports.ts";
import {
  catalogOf,
  digest,
  imageSettings,
  listing,
  missingTags,
  nodeReport,
  nodeRules,
  type ReportContent,
  serviceSettings,
} from "../support/image-world.ts";
import { sourceOf } from "../support/source-state.ts";

const SETTINGS = imageSettings({ numWeeklies: 2 });
const TAGS = listing(["w_2077_43", "a"], ["w_2077_42", "b"], ["d_2077_10_23", "c"]);
const CATALOG = catalogOf(SETTINGS, TAGS);
const NO_NODES = new KubernetesUnavailableError("no cluster");
const NO_IMAGES = new RegistryUnavailableError("no registry");
const HAS_ALL = { images: { a: 2, b: 1 } };

const EMPTY = initialImageState(serviceSettings(SETTINGS), emptyNodeTable(nodeRules()));

/** The state after events at one time. */
function after(state: ImageState, now: number, ...events: readonly ImageEvent[]): ImageState {
  return events.reduce((before, event) => reduceImages(before, event, now), state);
}

const beginRun = (state: ImageState) => after(state, 0, { type: "refresh.started" });
const dropPages = (state: ImageState) => after(state, 0, { type: "nodes.restarted" });
const closePages = (state: ImageState, now: number) => after(state, now, { type: "nodes.listed" });
const addCatalog = (state: ImageState, catalog: Catalog, now: number) =>
  after(state, now, { type: "images.listed", catalogs: [catalog], failed: [] });
const swap = (state: ImageState, cause: RefreshCause, now: number) =>
  after(state, now, { type: "refresh.completed", cause });
const failRun = (state: ImageState, faults: RefreshFaults) =>
  after(state, 0, { type: "refresh.failed", cause: "SCHEDULED", faults });
const abandonRun = (state: ImageState) =>
  after(state, 0, { type: "xstate.error.actor.refresh", error: new Error("a defect of the test's making") });
const showSlowRun = (state: ImageState, faults: RefreshFaults, since: number) =>
  after(state, since + SLOW_REFRESH_MS, { type: "refresh.slow", faults });
const applyChanges = (state: ImageState, changes: readonly NodeChange[]) =>
  after(state, 0, { type: "nodes.changed", changes });
const applyMark = (state: ImageState, marked: string, node: string, markedAt: number) =>
  after(state, 0, { type: "image.prepulled", digest: marked, node, markedAt });
const setWatchFault = (state: ImageState, error: Error | null) =>
  after(state, 0, error === null ? { type: "watch.recovered" } : { type: "watch.failed", error });

function page(state: ImageState, nodes: Readonly<Record<string, ReportContent>>, observedAt = 0): ImageState {
  const reports = Object.entries(nodes).map(([name, content]) => nodeReport(name, content));
  return after(state, 0, { type: "nodes.paged", page: { nodes: reports, observedAt } });
}

/** The state after a whole refresh. */
function refreshed(nodes: Readonly<Record<string, ReportContent>>, before = EMPTY): ImageState {
  return swap(addCatalog(closePages(page(beginRun(before), nodes), 1), CATALOG, 1), "SCHEDULED", 1);
}

function reported(name: string, content: ReportContent = {}, observedAt = 10): NodeChange {
  return { type: "node.reported", node: nodeReport(name, content), observedAt };
}

function removed(name: string): NodeChange {
  return { type: "node.removed", name, uid: `uid-${name}`, observedAt: 10 };
}

function names({ snapshot }: ImageState): string {
  return snapshot === null
    ? "no snapshot"
    : snapshot
        .nodes()
        .map(({ name }) => name)
        .join(" ");
}

function missing({ snapshot }: ImageState): Readonly<Record<string, readonly string[]>> {
  assert.ok(snapshot);
  return missingTags(snapshot);
}

test("there is no snapshot until both parts are whole, and then it is the first", () => {
  const listed = closePages(page(beginRun(EMPTY), { n1: {} }), 1);
  assert.equal(listed.snapshot, null);
  const state = swap(addCatalog(listed, CATALOG, 2), "STARTUP", 3);
  assert.equal(state.snapshot?.generation, 1);
  assert.equal(state.snapshot.refreshTime, 3);
  assert.deepEqual(state.lastOpening, { generation: 1, cause: "STARTUP" });
});

test("while a refresh gathers its parts, answers are those of the last snapshot", () => {
  const before = refreshed({ n1: {} });
  const running = addCatalog(page(beginRun(before), { n2: {} }), catalogOf(SETTINGS, []), 1);
  assert.equal(running.snapshot, before.snapshot);
  assert.equal(running.table, before.table);
});

test("a refresh is swapped in whole: nodes that stand in no page have left", () => {
  const before = refreshed({ n1: {}, n2: {} });
  const after = swap(
    addCatalog(closePages(page(page(beginRun(before), { n2: {} }), { n3: {} }), 1), CATALOG, 1),
    "SCHEDULED",
    5,
  );
  assert.equal(names(after), "n2 n3");
  assert.equal(after.snapshot?.generation, 2);
});

test("pages before a list started over are void", () => {
  const restarted = dropPages(page(beginRun(refreshed({ n1: {} })), { n2: {} }));
  const after = swap(addCatalog(closePages(page(restarted, { n3: {} }), 1), CATALOG, 1), "SCHEDULED", 1);
  assert.equal(names(after), "n3");
});

test("changes between refreshes show at once, with the next generation and the time of the last refresh", () => {
  const before = refreshed({ n1: {} });
  const after = applyChanges(before, [reported("n2"), removed("n1")]);
  assert.equal(names(after), "n2");
  assert.equal(after.snapshot?.generation, 2);
  assert.equal(after.snapshot.refreshTime, before.snapshot?.refreshTime);
});

test("changes that change nothing leave the snapshot as it is", () => {
  const before = refreshed({ n1: {} });
  assert.equal(applyChanges(before, [reported("n1"), removed("n9")]).snapshot, before.snapshot);
  assert.equal(applyMark(refreshed({ n1: HAS_ALL }), digest("a"), "n1", 1).snapshot?.generation, 1);
});

test("changes during a refresh are in the snapshot of now, and in the next one", () => {
  const during = applyChanges(page(beginRun(refreshed({ n1: {}, n2: {} })), { n1: {}, n2: {} }), [
    reported("n1", HAS_ALL),
    removed("n2"),
  ]);
  assert.deepEqual(missing(during), {});
  const after = swap(addCatalog(closePages(during, 1), CATALOG, 1), "SCHEDULED", 1);
  assert.equal(names(after), "n1");
  assert.deepEqual(missing(after), {});
});

test("a node that joins while a list is being paged stays, though no page names it", () => {
  const during = applyChanges(page(beginRun(refreshed({ n1: {} })), { n1: {} }), [reported("joined")]);
  const after = swap(addCatalog(closePages(page(during, { n2: {} }), 1), CATALOG, 1), "SCHEDULED", 1);
  assert.equal(names(after), "joined n1 n2");
});

test("a node that joins and leaves again while a list is being paged is gone", () => {
  const during = applyChanges(page(beginRun(EMPTY), { n1: {} }), [reported("joined")]);
  const left = applyChanges(during, [removed("joined")]);
  assert.equal(names(swap(addCatalog(closePages(left, 1), CATALOG, 1), "STARTUP", 1)), "n1");
});

test("a node that was reported before the first page of a list has left if the list does not name it", () => {
  const during = applyChanges(beginRun(refreshed({ n1: {} })), [reported("older")]);
  assert.equal(names(during), "n1 older");
  assert.equal(names(swap(addCatalog(closePages(page(during, { n1: {} }), 1), CATALOG, 1), "SCHEDULED", 1)), "n1");
});

test("changes after a list is whole are newer than it", () => {
  const listed = closePages(page(beginRun(refreshed({ n1: {} })), { n1: {} }), 1);
  const after = swap(addCatalog(applyChanges(listed, [reported("n2")]), CATALOG, 1), "SCHEDULED", 1);
  assert.equal(names(after), "n1 n2");
});

test("a mark shows at once, for the image and all its aliases, and survives a refresh that was under way", () => {
  const running = page(beginRun(refreshed({ n1: {} })), { n1: {} }, 5);
  const marked = applyMark(running, digest("a"), "n1", 10);
  assert.deepEqual(missing(marked), { n1: ["w_2077_42"] });
  const late = page(marked, { n1: {} }, 7);
  const after = swap(addCatalog(closePages(late, 1), CATALOG, 1), "SCHEDULED", 1);
  assert.deepEqual(missing(after), { n1: ["w_2077_42"] });
});

test("a mark survives a list that starts over, and a refresh that fails", () => {
  const marked = applyMark(page(beginRun(refreshed({ n1: {} })), { n1: {} }), digest("a"), "n1", 10);
  const again = page(dropPages(marked), { n1: {} }, 12);
  assert.deepEqual(missing(swap(addCatalog(closePages(again, 1), CATALOG, 1), "SCHEDULED", 1)), { n1: ["w_2077_42"] });
  assert.deepEqual(missing(failRun(marked, { kubernetes: NO_NODES, registry: null })), { n1: ["w_2077_42"] });
});

test("a mark on a node that has gone, or for a digest outside the set, says nothing", () => {
  const state = refreshed({ n1: {} });
  assert.ok(isMarkable(state, digest("a"), "n1"));
  for (const [name, node] of [
    ["c", "n1"],
    ["unheard", "n1"],
    ["a", "n9"],
  ] as const) {
    assert.ok(!isMarkable(state, digest(name), node));
    assert.equal(applyMark(state, digest(name), node, 1), state);
  }
  assert.equal(applyMark(EMPTY, digest("a"), "n1", 1), EMPTY);
});

test("a failed refresh leaves the last snapshot, and says why", () => {
  const before = refreshed({ n1: {} });
  const running = page(beginRun(before), { n2: {} });
  for (const faults of [
    { kubernetes: NO_NODES, registry: NO_IMAGES },
    { kubernetes: NO_NODES, registry: null },
  ]) {
    const after = failRun(running, faults);
    assert.equal(after.snapshot, before.snapshot);
    assert.equal(after.refreshFaults, faults);
    assert.equal(after.pending, null);
    assert.deepEqual(sourceOf(after, "kubernetes"), {
      name: "kubernetes",
      source: "",
      ok: false,
      reason: "no cluster",
      lastSuccessTime: 1,
    });
  }
});

test("nodes that were listed whole are taken over where only the registry failed", () => {
  const listed = closePages(page(beginRun(refreshed({ n1: {} })), { n2: {} }), 9);
  const after = failRun(listed, { kubernetes: null, registry: NO_IMAGES });
  assert.equal(names(after), "n2");
  assert.equal(staleReason(after), "registry: no registry");
  assert.deepEqual(sourceOf(after, "registry"), {
    name: "registry",
    source: "default",
    ok: false,
    reason: "no registry",
    lastSuccessTime: 1,
  });
  assert.deepEqual(sourceOf(after, "kubernetes"), {
    name: "kubernetes",
    source: "",
    ok: true,
    reason: "",
    lastSuccessTime: 9,
  });
});

test("F15: a source that a slow refresh waits for shows since when, until it has answered or failed", () => {
  const since = (state: ImageState) => [
    sourceOf(state, "registry").refreshingSince,
    sourceOf(state, "kubernetes").refreshingSince,
  ];
  const running = beginRun(refreshed({ n1: {} }));
  const slow = showSlowRun(running, NO_FAULTS, 5);
  assert.deepEqual(since(running), [undefined, undefined]);
  assert.deepEqual(since(slow), [5, 5]);
  assert.equal(sourceOf(slow, "registry").ok, true);
  assert.deepEqual(since(closePages(slow, 9)), [5, undefined]);
  assert.deepEqual(since(addCatalog(slow, CATALOG, 9)), [undefined, 5]);
  assert.deepEqual(since(showSlowRun(closePages(running, 9), NO_FAULTS, 5)), [5, undefined]);
  assert.deepEqual(since(showSlowRun(running, { registry: NO_IMAGES, kubernetes: null }, 5)), [undefined, 5]);
  assert.deepEqual(since(failRun(closePages(slow, 9), { registry: NO_IMAGES, kubernetes: null })), [
    undefined,
    undefined,
  ]);
  assert.deepEqual(since(abandonRun(slow)), [undefined, undefined]);
  assert.equal(showSlowRun(EMPTY, NO_FAULTS, 5), EMPTY);
});

test("nodes that were listed whole before the first snapshot are in it when the registry comes", () => {
  const listed = closePages(page(beginRun(EMPTY), { n1: {} }), 1);
  const failed = failRun(listed, { kubernetes: null, registry: NO_IMAGES });
  assert.equal(failed.snapshot, null);
  assert.equal(failed.table.records.length, 1);
});

test("a success ends what the failure before it said", () => {
  const failed = failRun(beginRun(refreshed({})), { kubernetes: NO_NODES, registry: NO_IMAGES });
  const after = refreshed({ n1: {} }, failed);
  assert.equal(staleReason(failed), "registry: no registry; kubernetes: no cluster");
  assert.equal(staleReason(after), null);
  assert.ok(sourceOf(after, "kubernetes").ok && sourceOf(after, "registry").ok);
});

test("a source that failed beside others stays failed where the cluster fails too", () => {
  const failed = [{ source: "rapids", error: NO_IMAGES }];
  const listed = after(beginRun(refreshed({})), 1, { type: "images.listed", catalogs: [CATALOG], failed });
  const state = failRun(listed, { kubernetes: NO_NODES, registry: null });
  assert.deepEqual(failedSources(state), failed);
  assert.equal(staleReason(state), "kubernetes: no cluster; rapids: no registry");
});

test("where no source was listed, the nodes are taken over, and neither the gates nor the age of the images change", () => {
  const before = refreshed({ n1: HAS_ALL });
  const failed = [{ source: "rapids", error: NO_IMAGES }];
  const listed = closePages(page(beginRun(before), { n1: HAS_ALL, n2: {} }), 9);
  const state = swap(after(listed, 9, { type: "images.listed", catalogs: [], failed }), "SCHEDULED", 9);
  assert.equal(names(state), "n1 n2");
  assert.equal(state.snapshot?.refreshTime, before.snapshot?.refreshTime);
  assert.equal(state.snapshot?.time, 9, "rules on the age of images are evaluated again");
  assert.equal(state.lastOpening, before.lastOpening);
  assert.equal(state.missingGrown, true, "the new node opens them like any other");
  assert.equal(state.pending, null);
  assert.equal(staleReason(state), "rapids: no registry");
});

test("a cycle that broke leaves the last images, with the nodes if they were listed whole", () => {
  const before = refreshed({ n1: {} });
  const half = abandonRun(page(beginRun(before), { n2: {} }));
  assert.equal(half.snapshot, before.snapshot);
  assert.equal(half.pending, null);
  assert.equal(names(abandonRun(closePages(page(beginRun(before), { n2: {} }), 1))), "n2");
});

test("parts that come when no refresh is under way are ignored", () => {
  const state = refreshed({ n1: {} });
  assert.equal(page(state, { n2: {} }), state);
  assert.equal(dropPages(state), state);
  assert.equal(closePages(state, 9), state);
  assert.equal(addCatalog(state, CATALOG, 9), state);
  assert.equal(swap(state, "SCHEDULED", 9).snapshot, state.snapshot);
  assert.equal(abandonRun(state).snapshot, state.snapshot);
});

test("what a change adds to what is missing is remembered until the gates open", () => {
  const state = refreshed({ n1: HAS_ALL });
  assert.equal(applyChanges(state, [reported("n1", { images: { a: 2, b: 1, x: 1 } })]).missingGrown, false);
  const grown = applyChanges(state, [reported("n2")]);
  assert.equal(grown.missingGrown, true);
  assert.equal(applyChanges(grown, [removed("n2")]).missingGrown, true);
  assert.equal(applyMark(grown, digest("a"), "n2", 1).missingGrown, true);
  const opened = after(grown, 0, { type: "changes.settled" });
  assert.equal(opened.missingGrown, false);
  assert.deepEqual(opened.lastOpening, { generation: 2, cause: "NODES_CHANGED" });
});

test("a mark adds nothing to what is missing, and nodes taken over from a failed refresh may", () => {
  const state = refreshed({ n1: {} });
  assert.equal(applyMark(state, digest("a"), "n1", 1).missingGrown, false);
  const listed = closePages(page(beginRun(state), { n1: {}, n2: {} }), 1);
  assert.equal(failRun(listed, { kubernetes: null, registry: NO_IMAGES }).missingGrown, true);
});

test("the cluster is ok only where both the last list and the watch are", () => {
  const state = refreshed({ n1: {} });
  const silent = setWatchFault(state, new Error("the watch is silent"));
  assert.equal(sourceOf(silent, "kubernetes").reason, "the watch is silent");
  assert.equal(sourceOf(setWatchFault(silent, null), "kubernetes").ok, true);
  const listed = refreshed({ n1: {} }, silent);
  assert.deepEqual(sourceOf(listed, "kubernetes"), {
    name: "kubernetes",
    source: "",
    ok: false,
    reason: "the watch is silent",
    lastSuccessTime: 1,
  });
  const failed = failRun(beginRun(silent), { kubernetes: NO_NODES, registry: null });
  assert.equal(sourceOf(setWatchFault(failed, null), "kubernetes").reason, "no cluster");
  const other = failRun(beginRun(silent), { kubernetes: null, registry: NO_IMAGES });
  assert.equal(sourceOf(setWatchFault(other, null), "kubernetes").ok, true);
});
