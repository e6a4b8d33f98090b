import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { createMetrics } from "../../src/telemetry/metrics.ts";
import { readerOf, snapshotOf } from "../http/snapshots.ts";
import { eventually } from "../support/eventually.ts";
import { manualClock } from "../support/manual-clock.ts";

function startMetrics(t: TestContext) {
  const metrics = createMetrics();
  t.after(() => metrics.close());
  return metrics;
}

test("what happens is counted under the names of the contract", async (t) => {
  const metrics = startMetrics(t);
  metrics.refreshFinished({ cause: "STARTUP", outcome: "success", seconds: 0.3 });
  metrics.refreshFinished({ cause: "SCHEDULED", outcome: "failure", seconds: 700 });
  metrics.remoteTags(500);
  metrics.registryRequest("GET", 200);
  metrics.registryRequest("HEAD", "failed");
  metrics.registryRetry();
  metrics.grpcCall("GetMenu", "OK", 0.002);
  metrics.openStreams(7);
  metrics.gateMessage("REQUESTED");
  metrics.watchLog({ dropped: () => 12 });
  const text = await metrics.render();
  for (const line of [
    'labimages_refreshes_total{cause="STARTUP",outcome="success"} 1',
    'labimages_refreshes_total{cause="SCHEDULED",outcome="failure"} 1',
    'labimages_refresh_duration_seconds_bucket{le="0.5"} 1',
    "labimages_refresh_duration_seconds_count 2",
    "labimages_tags 500",
    'labimages_registry_requests_total{method="GET",status="200"} 1',
    'labimages_registry_requests_total{method="HEAD",status="failed"} 1',
    "labimages_registry_retries_total 1",
    'labimages_grpc_calls_total{method="GetMenu",code="OK"} 1',
    'labimages_grpc_call_duration_seconds_count{method="GetMenu"} 1',
    "labimages_grpc_open_streams 7",
    'labimages_gate_messages_total{cause="REQUESTED"} 1',
    "labimages_log_lines_dropped_total 12",
  ]) {
    assert.ok(text.split("\n").includes(line), line);
  }
  assert.match(text, /^labimages_event_loop_lag_seconds_count /m);
  assert.match(text, /^process_cpu_seconds_total /m);
  assert.match(metrics.contentType, /^text\/plain/);
});

test("a scrape shows the state of that moment", async (t) => {
  const metrics = startMetrics(t);
  assert.match(await metrics.render(), /^labimages_snapshot_generation 0$/m);
  const clock = manualClock();
  const now = clock.wallTime();
  const world = {
    tags: { w_2077_43: "sha256:1", w_2077_42: "sha256:2", d_2077_10_23: "sha256:3", exp_x: "sha256:4" },
    nodes: { a: ["sha256:8", "sha256:9"], b: ["sha256:1"], C: [] },
  };
  const state = {
    snapshot: snapshotOf(world, 4, now - 60_000),
    sources: [
      { name: "registry", source: "default", ok: false, reason: "down", lastSuccessTime: now - 90_000 },
      { name: "kubernetes", source: "", ok: true, reason: "", lastSuccessTime: null },
    ] as const,
    staleReason: "registry: down",
  };
  metrics.watchState(readerOf(state), clock);
  const text = await metrics.render();
  for (const line of [
    "labimages_snapshot_generation 4",
    "labimages_snapshot_age_seconds 60",
    "labimages_snapshot_stale 1",
    'labimages_source_up{source="registry"} 0',
    'labimages_source_up{source="kubernetes"} 1',
    'labimages_source_age_seconds{source="registry"} 90',
    "labimages_images 4",
    "labimages_nodes 3",
    "labimages_eligible_nodes 2",
    "labimages_truncated_nodes 1",
    "labimages_missing_images 5",
    'labimages_unresolved_tags{key="recommendedTag"} 1',
    'labimages_unresolved_tags{key="pin"} 0',
  ]) {
    assert.ok(text.split("\n").includes(line), line);
  }
  assert.doesNotMatch(text, /source_age_seconds\{source="kubernetes"\}/);
});

test("each of several sources has its own series, also one with the name of the cluster", async (t) => {
  const metrics = startMetrics(t);
  const clock = manualClock();
  const lastSuccessTime = clock.wallTime() - 5_000;
  const sources = [
    { name: "registry", source: "kubernetes", ok: false, reason: "down", lastSuccessTime },
    { name: "registry", source: "rapids", ok: true, reason: "", lastSuccessTime: clock.wallTime() },
    { name: "kubernetes", source: "", ok: true, reason: "", lastSuccessTime: null },
  ] as const;
  metrics.watchState(readerOf({ snapshot: null, sources, staleReason: "kubernetes: down" }), clock);
  const text = await metrics.render();
  assert.deepEqual(text.match(/^labimages_source_.*$/gm), [
    'labimages_source_up{source="registry:kubernetes"} 0',
    'labimages_source_up{source="registry:rapids"} 1',
    'labimages_source_up{source="kubernetes"} 1',
    'labimages_source_age_seconds{source="registry:kubernetes"} 5',
    'labimages_source_age_seconds{source="registry:rapids"} 0',
  ]);
});

test("before the first snapshot the sources are shown alone", async (t) => {
  const metrics = startMetrics(t);
  const sources = [{ name: "registry", source: "default", ok: true, reason: "", lastSuccessTime: null }] as const;
  metrics.watchState(readerOf({ snapshot: null, sources, staleReason: null }), manualClock());
  const text = await metrics.render();
  assert.match(text, /^labimages_snapshot_stale 0$/m);
  assert.match(text, /^labimages_snapshot_generation 0$/m);
  assert.doesNotMatch(text, /^labimages_(images|nodes|missing_images|snapshot_age_seconds) /m, "nothing is known yet");
});

test("labels without end become one", async (t) => {
  const metrics = startMetrics(t);
  for (let index = 0; index < 1_000; index += 1) metrics.grpcCall(`method${index}`, "UNKNOWN", 0.001);
  metrics.grpcCall("method1", "UNKNOWN", 0.001);
  const text = await metrics.render();
  assert.match(text, /^labimages_grpc_calls_total\{method="other",code="UNKNOWN"\} 936$/m);
  assert.match(text, /^labimages_grpc_calls_total\{method="method1",code="UNKNOWN"\} 2$/m);
});

test("the lag of the event loop shows that it stood still", async (t) => {
  const metrics = startMetrics(t);
  const end = performance.now() + 100;
  while (performance.now() < end);
  await eventually(async () => {
    const text = await metrics.render();
    const count = (name: string) =>
      Number(
        text
          .split("\n")
          .find((line) => line.includes(name))
          ?.split(" ")[1],
      );
    assert.ok(count("event_loop_lag_seconds_count") > count('event_loop_lag_seconds_bucket{le="0.05"}'));
  });
});

test("changes of the configuration file are counted by outcome, from 0 on", async () => {
  const metrics = createMetrics();
  metrics.configChanged("refused");
  const page = await metrics.render();
  metrics.close();
  assert.match(page, /^labimages_config_changes_total\{outcome="refused"\} 1$/m);
  assert.match(page, /^labimages_config_changes_total\{outcome="accepted"\} 0$/m);
});
