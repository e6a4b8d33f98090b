import assert from "node:assert/strict";
import { test } from "node:test";
import { emptyNodeTable } from "../../src/domain/nodes/node-table.ts";
import { initialImageState } from "../../src/machines/image-state.ts";
import { createObservers } from "../../src/service/observers/observers.ts";
import { alertRecorder } from "../support/alert-recorder.ts";
import { imageSettings, nodeRules, serviceSettings } from "../support/image-world.ts";
import { logLines } from "../support/log-lines.ts";
import { manualClock } from "../support/manual-clock.ts";

test("an actor that crashed is an error and an alert; gates that open are none", () => {
  const logger = logLines();
  const alerts = alertRecorder();
  const ignore = () => undefined;
  const observers = createObservers({
    logger,
    alerts,
    clock: manualClock(),
    metrics: {
      refreshFinished: ignore,
      remoteTags: ignore,
      pullsRunning: ignore,
      pullFinished: ignore,
      imageThrashing: ignore,
      slotsChanged: ignore,
      leading: ignore,
    },
  });
  const state = initialImageState(serviceSettings(imageSettings()), emptyNodeTable(nodeRules()));
  observers.observe({ type: "gates.opened", generation: 1, cause: "STARTUP" }, state);
  assert.deepEqual([logger.lines, alerts.active()], [[], []]);
  observers.observe({ type: "actor.crashed", actor: "refresh", error: new Error("broke") }, state);
  assert.equal(logger.lines[0]?.level, "error");
  assert.deepEqual(alerts.active(), ["actor:refresh"]);
  observers.stop();
});
