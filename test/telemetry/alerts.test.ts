import assert from "node:assert/strict";
import { test } from "node:test";
import { createAlerts } from "../../src/telemetry/alerts.ts";
import { createLogger } from "../../src/telemetry/logger.ts";
import { createMetrics } from "../../src/telemetry/metrics.ts";
import { memorySink } from "./memory-sink.ts";

test("a cause is reported once until it is cleared, and counted", async (t) => {
  const destination = memorySink();
  const metrics = createMetrics();
  t.after(() => metrics.close());
  const logger = createLogger({ level: "info", profile: "production", destination });
  const alerts = createAlerts({ logger, counts: metrics });
  const alert = { key: "registry", message: "the registry is down", details: { failures: 3 } };
  alerts.clear("registry", "it answers");
  alerts.raise(alert);
  alerts.raise(alert);
  assert.equal(destination.lines.length, 1);
  assert.match(destination.lines[0] ?? "", /"level":"error".*"failures":3.*"alert":"registry".*is down/);
  alerts.clear("registry", "it answers");
  assert.match(destination.lines[1] ?? "", /"alert":"registry","why":"it answers","msg":"alert resolved"/);
  alerts.raise(alert);
  assert.equal(destination.lines.length, 3);
  const text = await metrics.render();
  assert.match(text, /^labimages_alerts_total 2$/m);
  assert.match(text, /^labimages_active_alerts 1$/m);
});

test("F50: an alert whose cause is no longer observed is not said to be resolved, and is news again later", (t) => {
  const destination = memorySink();
  const metrics = createMetrics();
  t.after(() => metrics.close());
  const alerts = createAlerts({
    logger: createLogger({ level: "info", profile: "production", destination }),
    counts: metrics,
  });
  const alert = { key: "pull", message: "pulls fail", details: {} };
  alerts.forget("pull");
  alerts.raise(alert);
  alerts.forget("pull");
  alerts.clear("pull", "pulled");
  alerts.raise(alert);
  const messages = destination.lines.map((line): unknown => JSON.parse(line).msg);
  assert.deepEqual(messages, ["pulls fail", "alert no longer observed", "pulls fail"]);
});

test("causes without end are forgotten, the oldest first", () => {
  const destination = memorySink();
  const counts = { alertRaised: () => undefined, activeAlerts: (count: number) => assert.ok(count <= 10_000) };
  const alerts = createAlerts({ logger: createLogger({ level: "error", profile: "production", destination }), counts });
  for (let key = 0; key <= 10_000; key += 1) alerts.raise({ key: String(key), message: "x", details: {} });
  alerts.raise({ key: "1", message: "x", details: {} });
  assert.equal(destination.lines.length, 10_001);
  alerts.raise({ key: "0", message: "x", details: {} });
  assert.equal(destination.lines.length, 10_002);
});
