import assert from "node:assert/strict";
import { test } from "node:test";
import { THRASHING_WINDOW } from "../../src/domain/prepull/thrashing.ts";
import type { PrepullNews, PullNews } from "../../src/machines/prepuller/prepuller-news.ts";
import type { Logger } from "../../src/ports.ts";
import { prepullNews } from "../../src/service/observers/prepull-news.ts";
import { manualClock } from "../support/manual-clock.ts";

function desk() {
  const clock = manualClock();
  const lines: string[] = [];
  const raised: string[] = [];
  const cleared: string[] = [];
  const counted: unknown[] = [];
  const at = (level: string) => (_: unknown, message: string) => void lines.push(`${level}: ${message}`);
  const logger: Logger = {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    child: () => logger,
  };
  const tell = prepullNews({
    logger,
    clock,
    alerts: { raise: ({ key }) => void raised.push(key), clear: (key) => void cleared.push(key) },
    metrics: {
      pullStarted: () => void counted.push("started"),
      pullFinished: (end) => void counted.push(end),
      imageThrashing: () => void counted.push("thrashing"),
      leading: (leading) => void counted.push(leading),
    },
  });
  return { clock, lines, raised, cleared, counted, tell };
}

function pull(uid: string): PullNews {
  return {
    node: uid,
    uid,
    digest: "sha256:d",
    reference: "r/l:w@sha256:d",
    attempts: 1,
    startTime: Date.UTC(2077, 9, 23),
  };
}

function failed(uid: string, reason = "ErrImagePull"): PrepullNews {
  const details = { reason, message: "no", failureClass: "other", nextAttemptTime: null } as const;
  return { type: "pull.failed", ...pull(uid), ...details };
}

test("a cause is told once, on however many nodes, and is over with the last of them", () => {
  const { tell, lines, cleared, raised } = desk();
  tell(failed("n1"));
  tell(failed("n2"));
  tell(failed("n1"));
  assert.equal(lines.filter((line) => line.startsWith("warn")).length, 1);
  assert.deepEqual(new Set(raised), new Set(["prepull:sha256:d:ErrImagePull"]));
  tell({ type: "pull.succeeded", ...pull("n1") });
  assert.deepEqual(cleared, []);
  tell({ type: "failure.dropped", ...pull("n2") });
  assert.deepEqual(cleared, ["prepull:sha256:d:ErrImagePull"]);
  tell(failed("n1"));
  assert.equal(lines.filter((line) => line.startsWith("warn")).length, 2, "it is news again");
});

test("another reason is another cause, and ends the first", () => {
  const { tell, cleared } = desk();
  tell(failed("n1"));
  tell(failed("n1", "Evicted"));
  assert.deepEqual(cleared, ["prepull:sha256:d:ErrImagePull"]);
  tell({ type: "work.abandoned" });
  assert.deepEqual(cleared, ["prepull:sha256:d:ErrImagePull", "prepull:sha256:d:Evicted"]);
});

test("pulls are counted with their class and their time", async () => {
  const { tell, counted, clock } = desk();
  tell({ type: "pull.started", ...pull("n1") });
  await clock.advance(90_000);
  tell(failed("n1"));
  tell({ type: "pull.succeeded", ...pull("n1") });
  tell({ type: "pull.cancelled", ...pull("n1"), startTime: null });
  assert.deepEqual(counted, [
    "started",
    { outcome: "failure", failureClass: "other", seconds: 90 },
    { outcome: "success", failureClass: "", seconds: 90 },
    { outcome: "cancelled", failureClass: "", seconds: 0 },
  ]);
});

test("thrashing is told, and is over when nothing was told of it for a whole window", async () => {
  const { tell, raised, cleared, clock, counted } = desk();
  tell({ type: "image.thrashing", ...pull("n1"), message: "does not stay" });
  assert.deepEqual([raised, counted], [["prepull:sha256:d:Thrashing"], ["thrashing"]]);
  await clock.advance(THRASHING_WINDOW - 1);
  tell({ type: "progress.changed" });
  assert.deepEqual(cleared, []);
  await clock.advance(1);
  tell({ type: "progress.changed" });
  assert.deepEqual(cleared, ["prepull:sha256:d:Thrashing"]);
});

test("leadership and recovery are told", () => {
  const { tell, lines, raised, cleared, counted } = desk();
  tell({ type: "leadership.changed", leading: true });
  tell({ type: "leadership.changed", leading: false });
  tell({ type: "recovery.failed", error: new Error("no API server") });
  tell({ type: "recovery.failed", error: new Error("still none") });
  tell({ type: "leftovers.recovered", pulls: 0 });
  tell({ type: "recovery.failed", error: new Error("none again") });
  tell({ type: "leftovers.recovered", pulls: 2 });
  assert.deepEqual(lines, [
    "info: this replica prepulls",
    "info: another replica prepulls",
    "warn: left over pods cannot be looked for: they stay, and a new leader does not begin until they can",
    "debug: left over pods cannot be looked for: they stay, and a new leader does not begin until they can",
    "warn: left over pods cannot be looked for: they stay, and a new leader does not begin until they can",
    "info: pulls of an earlier process have been counted",
  ]);
  assert.deepEqual(
    [raised, [...new Set(cleared)], counted],
    [["prepull:recovery", "prepull:recovery", "prepull:recovery"], ["prepull:recovery"], [true, false]],
  );
});
