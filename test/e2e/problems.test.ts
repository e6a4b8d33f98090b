import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually } from "../support/eventually.ts";
import { startPeers } from "./support/peers.ts";
import { type Service, startReadyService } from "./support/service.ts";

const SOON = { withinMs: 10_000 };

/** What the configuration asks for and cannot be had, everywhere that it is reported. */
async function reported({ client, http, log }: Service) {
  const { status } = await client.call("GetPrepullStatus", {});
  const metrics = await (await fetch(`http://${http}/metrics`)).text();
  const gauge = (name: string) => Number(new RegExp(`^labimages_${name} (\\d+)$`, "m").exec(metrics)?.[1]);
  return {
    status: status.problems.map(({ problemReason, tag }) => [problemReason.replace("PROBLEM_REASON_", ""), tag]),
    metrics: {
      recommended: gauge('unresolved_tags\\{key="recommendedTag"\\}'),
      pin: gauge('unresolved_tags\\{key="pin"\\}'),
      nodes: gauge("nodes"),
      eligible: gauge("eligible_nodes"),
      alerts: gauge("active_alerts"),
    },
    alerts: log.flatMap(({ level, alert }) => (level === "error" && typeof alert === "string" ? [alert] : [])),
    resolved: log.flatMap(({ msg, alert }) => (msg === "alert resolved" ? [alert] : [])),
  };
}

test("F23: a wish that nothing meets is reported once in log, status, metric and alert, and gone when it is met", async () => {
  await using peers = await startPeers();
  peers.push("w_2077_43");
  const config = peers.config({
    images: { refreshInterval: "0.2s", pin: ["w_2077_1"] },
    nodeSelector: { pool: "labs" },
  });
  peers.setNode("alder");
  await using service = await startReadyService(config);
  await eventually(async () => assert.equal((await reported(service)).alerts.length, 3), SOON);
  const before = await reported(service);
  assert.deepEqual(before.status, [
    ["RECOMMENDED_TAG_MISSING", "recommended"],
    ["PINNED_TAG_MISSING", "w_2077_1"],
    ["NO_NODES", ""],
  ]);
  assert.deepEqual(before.metrics, { recommended: 1, pin: 1, nodes: 0, eligible: 0, alerts: 3 });
  assert.deepEqual(before.resolved, []);

  peers.push("recommended", "w_2077_43");
  peers.setNode("alder", [], {
    metadata: { labels: { pool: "labs" } },
    spec: { taints: [{ key: "gpu", effect: "NoSchedule" }] },
  });
  await eventually(async () => assert.equal((await reported(service)).alerts.length, 4), SOON);
  const excluded = await reported(service);
  assert.deepEqual(excluded.status, [
    ["PINNED_TAG_MISSING", "w_2077_1"],
    ["NO_ELIGIBLE_NODES", ""],
  ]);
  assert.deepEqual(excluded.metrics, { recommended: 0, pin: 1, nodes: 1, eligible: 0, alerts: 2 });

  peers.push("w_2077_1");
  peers.setNode("alder", [], { metadata: { labels: { pool: "labs" } } });
  await eventually(async () => assert.equal((await reported(service)).resolved.length, 4), SOON);
  const after = await reported(service);
  assert.deepEqual(after.status, []);
  assert.deepEqual(after.metrics, { recommended: 0, pin: 0, nodes: 1, eligible: 1, alerts: 0 });
  assert.equal(after.alerts.length, 4, "each once");
});
