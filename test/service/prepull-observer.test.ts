import assert from "node:assert/strict";
import { test } from "node:test";
import type { PullFacts } from "../../src/domain/prepull/pull-event.ts";
import { THRASHING_WINDOW } from "../../src/domain/prepull/thrashing.ts";
import type { PrepullerNews } from "../../src/machines/prepuller/prepuller-events.ts";
import type { LogFields, Logger } from "../../src/ports.ts";
import { createPrepullObserver } from "../../src/service/observers/prepull-observer.ts";
import { manualClock } from "../support/manual-clock.ts";

function desk() {
  const clock = manualClock();
  const lines: string[] = [];
  const raised: string[] = [];
  const cleared: string[] = [];
  const forgotten: string[] = [];
  const counted: unknown[] = [];
  const fields: LogFields[] = [];
  const at = (level: string) => (given: LogFields, message: string) => {
    lines.push(`${level}: ${message}`);
    fields.push(given);
  };
  const logger: Logger = {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    child: () => logger,
  };
  const tell = createPrepullObserver({
    logger,
    clock,
    alerts: {
      raise: ({ key }) => void raised.push(key),
      clear: (key) => void cleared.push(key),
      forget: (key) => void forgotten.push(key),
    },
    metrics: {
      pullsRunning: (count) => void counted.push(`running ${count}`),
      pullFinished: (end) => void counted.push(end),
      imageThrashing: () => void counted.push("thrashing"),
      slotsChanged: () => undefined,
      leading: (leading) => void counted.push(leading),
    },
  });
  return { clock, lines, fields, raised, cleared, forgotten, counted, tell };
}

function pull(uid: string): PullFacts {
  return {
    node: uid,
    uid,
    digest: "sha256:d",
    reference: "r/l:w@sha256:d",
    attempts: 1,
    startTime: Date.UTC(2077, 9, 23),
  };
}

function failed(uid: string, reason = "ErrImagePull"): Extract<PrepullerNews, { type: "pull.failed" }> {
  const details = { reason, message: "no", failureClass: "other", nextAttemptTime: null } as const;
  return { type: "pull.failed", ...pull(uid), ...details };
}

test("a cause is reported once, on however many nodes, and is over with the last of them", () => {
  const { tell, lines, cleared, raised } = desk();
  tell(failed("n1"));
  tell(failed("n2"));
  tell(failed("n1"));
  assert.equal(lines.filter((line) => line.startsWith("warn")).length, 1);
  assert.deepEqual(new Set(raised), new Set(["prepull:sha256:d:other"]));
  tell({ type: "pull.succeeded", ...pull("n1") });
  assert.deepEqual(cleared, []);
  tell({ type: "failure.dropped", ...pull("n2"), message: "" });
  assert.deepEqual(cleared, ["prepull:sha256:d:other"]);
  tell(failed("n1"));
  assert.equal(lines.filter((line) => line.startsWith("warn")).length, 2, "it is news again");
});

test("F67: reasons of outside reports raise one alert for a class, however many there are", () => {
  const { tell, raised } = desk();
  for (let index = 0; index < 1_000; index++) tell(failed(`n${index}`, `reason ${index}`));
  assert.deepEqual(new Set(raised), new Set(["prepull:sha256:d:other"]));
});

test("F50: a pull that fails for another cause does not show that the first one is over", () => {
  const { tell, cleared, forgotten } = desk();
  tell(failed("n1"));
  tell({ ...failed("n1", "Evicted"), failureClass: "evicted" });
  assert.deepEqual([cleared, forgotten], [[], ["prepull:sha256:d:other"]]);
  tell({ type: "pull.succeeded", ...pull("n1") });
  assert.deepEqual(cleared, ["prepull:sha256:d:evicted"]);
});

test("F50: whoever no longer leads has observed no end of what failed: its alerts are not resolved", () => {
  const { tell, cleared, forgotten, raised } = desk();
  tell({ type: "leadership.changed", leading: true });
  tell({ type: "pull.started", ...pull("n1") });
  tell(failed("n1"));
  tell({ type: "image.thrashing", ...pull("n2"), message: "does not stay" });
  tell({ type: "recovery.failed", error: new Error("no API server") });
  tell({ type: "work.abandoned" });
  tell({ type: "leadership.changed", leading: false });
  assert.deepEqual(cleared, []);
  assert.deepEqual(new Set(forgotten), new Set(raised));
  tell({ type: "pull.succeeded", ...pull("n1") });
  assert.deepEqual(cleared, [], "what is forgotten is not resolved later either");
});

test("pulls are counted with their class and their time", async () => {
  const { tell, counted, clock } = desk();
  tell({ type: "pull.started", ...pull("n1") });
  await clock.advance(90_000);
  tell(failed("n1"));
  tell({ type: "pull.succeeded", ...pull("n1") });
  tell({ type: "pull.cancelled", ...pull("n1"), startTime: null, message: "" });
  tell({ type: "pull.detached", ...pull("n1") });
  assert.deepEqual(
    counted.filter((entry) => typeof entry === "object"),
    [
      { outcome: "failure", failureClass: "other", seconds: 90 },
      { outcome: "success", failureClass: "", seconds: 90 },
      { outcome: "cancelled", failureClass: "", seconds: null },
      { outcome: "detached", failureClass: "", seconds: 90 },
    ],
  );
});

test("F53: pulls under way are counted by pair, so that ends without a start do not count below zero", () => {
  const { tell, counted } = desk();
  tell(failed("n1"));
  tell({ type: "pull.succeeded", ...pull("n2"), startTime: null });
  tell({ type: "pull.started", ...pull("n1") });
  tell({ type: "pull.started", ...pull("n2") });
  tell({ type: "pull.started", ...pull("n2") });
  tell({ type: "pull.cancelled", ...pull("n1"), message: "" });
  tell({ type: "work.abandoned" });
  assert.deepEqual(
    counted.filter((entry) => typeof entry === "string"),
    [0, 0, 1, 2, 2, 1, 0].map((count) => `running ${count}`),
  );
});

test("a failure that is not tried again by us is not announced as one", () => {
  const { tell, fields } = desk();
  tell(failed("n1"));
  assert.equal("nextAttempt" in (fields[0] ?? {}), false);
  tell({ ...failed("n2", "Evicted"), nextAttemptTime: Date.UTC(2077, 9, 23) });
  assert.equal(fields[1]?.["nextAttempt"], "2077-10-23T00:00:00.000Z");
});

test("thrashing is reported, and is over when nothing was reported of it for a whole window", async () => {
  const { tell, raised, cleared, clock, counted } = desk();
  tell({ type: "image.thrashing", ...pull("n1"), message: "does not stay" });
  assert.deepEqual([raised, counted], [["prepull:node:n1:Thrashing"], ["thrashing"]]);
  await clock.advance(THRASHING_WINDOW - 1);
  tell({ type: "progress.changed" });
  assert.deepEqual(cleared, []);
  await clock.advance(1);
  tell({ type: "progress.changed" });
  assert.deepEqual(cleared, ["prepull:node:n1:Thrashing"]);
});

test("leadership and recovery are reported", () => {
  const { tell, lines, raised, cleared, counted } = desk();
  tell({ type: "leadership.changed", leading: true });
  tell({ type: "leadership.changed", leading: false });
  tell({ type: "recovery.failed", error: new Error("no API server") });
  tell({ type: "recovery.failed", error: new Error("still none") });
  tell({ type: "recovery.failed", error: new Error("still none") });
  tell({ type: "leftovers.recovered", pulls: 0 });
  tell({ type: "recovery.failed", error: new Error("none again") });
  tell({ type: "leftovers.recovered", pulls: 2 });
  const cannotLook = "cannot look for leftover pods: they stay, and a new leader waits with its first pull";
  assert.deepEqual(lines, [
    `warn: ${cannotLook}`,
    `warn: ${cannotLook}`,
    `debug: ${cannotLook}`,
    `warn: ${cannotLook}`,
    "info: counted the pulls of an earlier process",
  ]);
  assert.deepEqual(
    [raised, [...new Set(cleared)], counted],
    [new Array(4).fill("prepull:recovery"), ["prepull:recovery"], [true, false]],
  );
});

test("F29: a refusal that meets every node is one alert, and is over when a pod is accepted", () => {
  const { tell, raised, cleared } = desk();
  const failure = { failureClass: "refused", reason: "Forbidden", message: "exceeded quota" } as const;
  tell({ type: "pods.refused", failure });
  for (const uid of ["n1", "n2", "n3"]) tell({ type: "pull.failed", ...pull(uid), ...failure, nextAttemptTime: null });
  assert.deepEqual(raised, ["prepull:pods"]);
  assert.deepEqual(cleared, []);
  tell({ type: "pods.accepted" });
  assert.deepEqual(cleared, ["prepull:pods"]);
});

test("F29: whoever abandons the work, as after a crash of the prepuller, no longer observes that pods are refused", () => {
  const { tell, raised, cleared, forgotten } = desk();
  const failure = { failureClass: "refused", reason: "Forbidden", message: "exceeded quota" } as const;
  tell({ type: "pods.refused", failure });
  tell({ type: "work.abandoned" });
  assert.deepEqual([forgotten, cleared], [["prepull:pods"], []]);
  tell({ type: "pull.failed", ...pull("n1"), ...failure, nextAttemptTime: null });
  assert.deepEqual(raised, ["prepull:pods", "prepull:sha256:d:refused"], "no refusal is known until the next one");
});

test("F51: another reason of the refusal is a warning", () => {
  const { tell, lines, fields, raised } = desk();
  const failure = { failureClass: "refused", reason: "Forbidden", message: "exceeded quota" } as const;
  tell({ type: "pods.refused", failure });
  assert.deepEqual(lines, []);
  tell({ type: "pods.refused", failure: { ...failure, message: "no service account" } });
  assert.deepEqual(lines, ["warn: pods of the prepuller are refused for another reason"]);
  assert.deepEqual(fields, [{ failureClass: "refused", reason: "Forbidden", detail: "no service account" }]);
  assert.deepEqual(new Set(raised), new Set(["prepull:pods"]));
});

test("F29: a refusal that nobody looks at any longer is forgotten, and not resolved", () => {
  const { tell, cleared, forgotten } = desk();
  const failure = { failureClass: "refused", reason: "Forbidden", message: "exceeded quota" } as const;
  tell({ type: "pods.refused", failure });
  tell({ type: "refusal.dropped" });
  assert.deepEqual(forgotten, ["prepull:pods"]);
  tell({ type: "work.abandoned" });
  assert.deepEqual([cleared, forgotten], [[], ["prepull:pods"]]);
});

test("F29: what was one image's refusal is no alert of its own once all images meet it", () => {
  const { tell, raised, cleared, forgotten } = desk();
  const failure = { failureClass: "refused", reason: "Forbidden", message: "exceeded quota" } as const;
  tell({ type: "pull.failed", ...pull("n1"), ...failure, nextAttemptTime: null });
  tell(failed("n2"));
  tell({ type: "pods.refused", failure });
  assert.deepEqual(raised, ["prepull:sha256:d:refused", "prepull:sha256:d:other", "prepull:pods"]);
  assert.deepEqual([cleared, forgotten], [[], ["prepull:sha256:d:refused"]]);
});

for (const reason of ["Deleted", "NodeShutdown", "EvictionByEvictionAPI"]) {
  test(`F78: a pull that an operator interrupts (${reason}) raises no alert, and is no warning`, () => {
    const { tell, raised, lines, counted } = desk();
    tell({ ...failed("n1", reason), failureClass: "interrupted" });
    assert.deepEqual(raised, []);
    assert.deepEqual(
      lines.map((line) => line.split(":")[0]),
      ["info"],
    );
    assert.equal(counted.filter((entry) => typeof entry === "object").length, 1, "it is counted");
  });
}

test("F78: six images that do not stay on one node are one alert, and another node is another one", () => {
  const { tell, raised } = desk();
  for (const digest of ["a", "b", "c", "d", "e", "f"]) {
    tell({ type: "image.thrashing", ...pull("n1"), digest: `sha256:${digest}`, message: "does not stay" });
  }
  tell({ type: "image.thrashing", ...pull("n2"), message: "does not stay" });
  assert.deepEqual(new Set(raised), new Set(["prepull:node:n1:Thrashing", "prepull:node:n2:Thrashing"]));
});
