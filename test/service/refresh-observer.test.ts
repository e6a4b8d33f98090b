import assert from "node:assert/strict";
import { test } from "node:test";
import { KubernetesUnavailableError, RegistryDeniedError, RegistryUnavailableError } from "../../src/domain/errors.ts";
import { emptyNodeTable } from "../../src/domain/nodes/node-table.ts";
import type { Snapshot } from "../../src/domain/snapshot/snapshot.ts";
import { type ImageState, initialImageState } from "../../src/machines/image-state.ts";
import {
  errorOfFaults,
  NO_FAULTS,
  type RefreshFaults,
  type SourceFault,
  SourcesFailedError,
} from "../../src/machines/refresh.ts";
import { unseenSources } from "../../src/machines/source-health.ts";
import { createRefreshObserver } from "../../src/service/observers/refresh-observer.ts";
import { alertRecorder } from "../support/alert-recorder.ts";
import { imageSettings, listing, nodeReport, nodeRules, serviceSettings, snapshotOf } from "../support/image-world.ts";
import { logLines } from "../support/log-lines.ts";
import { manualClock } from "../support/manual-clock.ts";

const SNAPSHOT = snapshotOf({
  settings: { numWeeklies: 2 },
  tags: listing(["w_2077_43", "a"], ["w_2077_42", "b"]),
  nodes: [nodeReport("n1")],
});
const NO_REGISTRY: RefreshFaults = { registry: new RegistryUnavailableError("it answers 503"), kubernetes: null };
const REFUSED: RefreshFaults = { registry: new RegistryDeniedError("it refuses us"), kubernetes: null };
const NO_CLUSTER: RefreshFaults = { registry: null, kubernetes: new KubernetesUnavailableError("no cluster") };
const NEITHER: RefreshFaults = { ...NO_REGISTRY, kubernetes: NO_CLUSTER.kubernetes };

function observed() {
  const clock = manualClock();
  const logger = logLines();
  const alerts = alertRecorder();
  const counts: unknown[] = [];
  const observer = createRefreshObserver({
    logger,
    clock,
    alerts,
    metrics: {
      refreshFinished: ({ cause, outcome, seconds }) => counts.push([cause, outcome, seconds]),
      remoteTags: (count) => counts.push(count),
    },
  });
  const state = (snapshot: Snapshot | null): ImageState => ({
    ...initialImageState(serviceSettings(imageSettings()), emptyNodeTable(nodeRules())),
    snapshot,
  });
  const settleAs = (health: Pick<ImageState, "refreshFaults"> & Partial<ImageState>) => {
    const faults = health.refreshFaults;
    observer.settled(
      { type: "refresh.settled", run: 1, cause: "SCHEDULED", faults, error: errorOfFaults(faults) },
      { ...state(null), ...health },
    );
  };
  return {
    clock,
    started: () => observer.started(),
    settleAs,
    crash: (error: Error) =>
      observer.settled({ type: "refresh.settled", run: 1, cause: null, faults: NO_FAULTS, error }, state(null)),
    settle: (faults: RefreshFaults, snapshot: Snapshot | null = null, watchFault: Error | null = null) =>
      settleAs({ refreshFaults: faults, snapshot, watchFault }),
    lines: () => logger.lines.splice(0),
    messages: () => logger.lines.splice(0).map(({ level, message }) => `${level}: ${message}`),
    alerts,
    counts,
  };
}

test("a refresh that succeeds is counted with its time, and is one line", async () => {
  const { clock, started, settle, lines, counts } = observed();
  started();
  await clock.advance(1_500);
  settle(NO_FAULTS, SNAPSHOT);
  assert.deepEqual(counts, [["SCHEDULED", "success", 1.5], 2]);
  const [line, ...more] = lines();
  assert.deepEqual(more, []);
  assert.equal(line?.message, "refreshed");
  assert.deepEqual(line.fields, { cause: "SCHEDULED", generation: 1, tags: 2, nodes: 1, missing: 2, seconds: 1.5 });
});

test("a fault that lasts is one warning, then an alert, and one line when it is over", () => {
  const { settle, messages, alerts } = observed();
  settle(NO_REGISTRY);
  settle(NO_REGISTRY);
  assert.deepEqual(messages(), [
    "warn: refresh failed: registry: it answers 503; no snapshot to serve yet, retrying",
    "debug: refresh failed: registry: it answers 503; no snapshot to serve yet, retrying",
  ]);
  assert.deepEqual(alerts.active(), []);
  settle(NO_REGISTRY);
  assert.deepEqual(alerts.active(), ["source:registry"]);
  messages();
  settle(NO_FAULTS, SNAPSHOT);
  assert.deepEqual(messages(), ["info: registry ok again", "info: refreshed"]);
  assert.deepEqual(alerts.active(), []);
  settle(NO_REGISTRY, SNAPSHOT);
  assert.match(messages()[0] ?? "", /^warn: .*; serving the last snapshot/, "it is news again");
});

test("F51: another reason is another warning", () => {
  const { settle, messages } = observed();
  for (const faults of [NO_REGISTRY, REFUSED, REFUSED, NO_REGISTRY]) settle(faults, SNAPSHOT);
  assert.deepEqual(
    messages().map((line) => line.replace(/; serving.*/, "")),
    [
      "warn: refresh failed: registry: it answers 503",
      "warn: refresh failed: registry: it refuses us",
      "debug: refresh failed: registry: it refuses us",
      "warn: refresh failed: registry: it answers 503",
    ],
  );
});

test("F51: where both sources fail both are named, and each is over by itself", () => {
  const { settle, messages, alerts } = observed();
  for (let time = 0; time < 3; time += 1) settle(NEITHER, SNAPSHOT);
  assert.match(messages()[0] ?? "", /registry: it answers 503; kubernetes: no cluster; serving/);
  assert.deepEqual(alerts.active(), ["source:registry", "source:kubernetes"]);
  settle(NO_CLUSTER, SNAPSHOT);
  assert.deepEqual(messages(), [
    "warn: refresh failed: kubernetes: no cluster; serving the last snapshot, retrying",
    "info: registry ok again",
  ]);
  assert.deepEqual(alerts.active(), ["source:kubernetes"]);
});

test("F50: a cluster whose nodes cannot be watched is not said to be ok by a list", () => {
  const { settle, messages, alerts } = observed();
  for (let time = 0; time < 3; time += 1) settle(NO_CLUSTER, SNAPSHOT);
  messages();
  const silent = new KubernetesUnavailableError("cannot watch nodes");
  settle(NO_FAULTS, SNAPSHOT, silent);
  assert.deepEqual(messages(), ["info: refreshed"]);
  assert.deepEqual(alerts.active(), ["source:kubernetes"]);
  settle(NO_FAULTS, SNAPSHOT);
  assert.deepEqual(messages(), ["info: kubernetes ok again", "info: refreshed"]);
  assert.deepEqual(alerts.active(), []);
});

test("a refresh that crashed says nothing of the sources", () => {
  const { settle, crash, messages, counts, alerts } = observed();
  for (let time = 0; time < 3; time += 1) settle(NO_REGISTRY);
  messages();
  crash(new Error("crashed"));
  assert.deepEqual(counts.at(-1), ["SCHEDULED", "failure", 0]);
  assert.deepEqual(messages(), ["warn: refresh failed: crashed; no snapshot to serve yet, retrying"]);
  assert.deepEqual(alerts.active(), ["source:registry"]);
});

test("a success without a snapshot says nothing", () => {
  const { settle, lines } = observed();
  settle(NO_FAULTS, null);
  assert.deepEqual(lines(), []);
});

const DOWN: SourceFault = { source: "rapids", error: new RegistryUnavailableError("it answers 503") };
const OTHER: SourceFault = { source: "kubernetes", error: new RegistryDeniedError("it refuses us") };

/** A service with two sources of images, one of which has the name of the cluster. */
function observedSources() {
  const { settleAs, ...world } = observed();
  const { sources } = unseenSources(["kubernetes", "rapids"]);
  return {
    ...world,
    settle: (sourceFaults: readonly SourceFault[], faults: RefreshFaults = NO_FAULTS) =>
      settleAs({ sources, sourceFaults, refreshFaults: faults, snapshot: SNAPSHOT }),
  };
}

test("a source that fails while others do not is one warning, then an alert, and one line when it is over", () => {
  const { settle, messages, alerts } = observedSources();
  const failed = "registry:rapids failed: it answers 503; no images of it to serve yet, retrying";
  settle([DOWN]);
  settle([DOWN]);
  assert.deepEqual(messages(), [`warn: ${failed}`, "info: refreshed", `debug: ${failed}`, "info: refreshed"]);
  assert.deepEqual(alerts.active(), []);
  settle([DOWN]);
  assert.deepEqual(alerts.active(), ["source:registry:rapids"]);
  messages();
  settle([]);
  assert.deepEqual(messages(), ["info: registry:rapids ok again", "info: refreshed"]);
  assert.deepEqual(alerts.active(), []);
  settle([]);
  assert.deepEqual(messages(), ["info: refreshed"]);
});

test("where all sources fail the refresh is one warning, and each is ok again by itself", () => {
  const { settle, messages, alerts } = observedSources();
  const all: RefreshFaults = { registry: new SourcesFailedError([OTHER, DOWN]), kubernetes: null };
  for (let time = 0; time < 3; time += 1) settle([], all);
  const failed = "refresh failed: registry: kubernetes: it refuses us; rapids: it answers 503";
  const line = `${failed}; serving the last snapshot, retrying`;
  assert.deepEqual(messages(), [`warn: ${line}`, `debug: ${line}`, `debug: ${line}`]);
  assert.deepEqual(alerts.active(), ["source:registry:kubernetes", "source:registry:rapids"]);
  settle([DOWN]);
  assert.deepEqual(messages(), [
    "info: registry:kubernetes ok again",
    "debug: registry:rapids failed: it answers 503; no images of it to serve yet, retrying",
    "info: refreshed",
  ]);
  assert.deepEqual(alerts.active(), ["source:registry:rapids"]);
});

test("a source that goes on failing is not ok again because the cluster fails too", () => {
  const { settle, messages, alerts } = observedSources();
  for (let time = 0; time < 3; time += 1) settle([DOWN]);
  messages();
  settle([DOWN], NO_CLUSTER);
  assert.deepEqual(
    messages().map((line) => line.replace(/;.*/, "")),
    ["warn: refresh failed: kubernetes: no cluster", "debug: registry:rapids failed: it answers 503"],
  );
  assert.deepEqual(alerts.active(), ["source:registry:rapids"]);
});
