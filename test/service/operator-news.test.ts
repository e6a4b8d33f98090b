import assert from "node:assert/strict";
import { test } from "node:test";
import { RegistryUnavailableError } from "../../src/domain/errors.ts";
import { editNodeTable, emptyNodeTable } from "../../src/domain/nodes/node-table.ts";
import type { Snapshot } from "../../src/domain/snapshot/snapshot.ts";
import { type ImageState, initialImageState } from "../../src/machines/image-state.ts";
import { operatorNews } from "../../src/service/observers/operator-news.ts";
import { imageSettings, listing, nodeReport, nodeRules, snapshotOf } from "../support/image-world.ts";
import { logLines } from "../support/log-lines.ts";
import { manualClock } from "../support/manual-clock.ts";

/** A desk whose lines, alerts and counts can be read. */
function desk() {
  const clock = manualClock();
  const logger = logLines();
  const alerts: string[] = [];
  const counts: unknown[] = [];
  const tell = operatorNews({
    logger,
    clock,
    alerts: {
      raise: ({ key }) => alerts.push(`+${key}`),
      clear: (key) => alerts.push(`-${key}`),
      forget: (key) => alerts.push(`?${key}`),
    },
    metrics: {
      refreshFinished: ({ cause, outcome, seconds }) => counts.push([cause, outcome, seconds]),
      remoteTags: (count) => counts.push(count),
    },
  });
  const state = (snapshot: Snapshot | null): ImageState => ({
    ...initialImageState({ images: imageSettings(), dropdown: {} }, emptyNodeTable(nodeRules())),
    snapshot,
  });
  const settled = (error: Error | null, snapshot: Snapshot | null = null, cause: "SCHEDULED" | null = "SCHEDULED") =>
    tell({ type: "refresh.settled", run: 1, cause, error }, state(snapshot));
  return { clock, tell, state, settled, lines: () => logger.lines.splice(0), alerts: () => alerts.splice(0), counts };
}

const SNAPSHOT = snapshotOf({
  settings: { numWeeklies: 2 },
  tags: listing(["w_2077_43", "a"], ["w_2077_42", "b"]),
  nodes: [nodeReport("n1")],
});
const FAULT = new RegistryUnavailableError("no registry");

test("a refresh that succeeds is counted with its time, and is one line", async () => {
  const { clock, tell, state, settled, lines, alerts, counts } = desk();
  tell({ type: "refresh.started" }, state(null));
  await clock.advance(1_500);
  settled(null, SNAPSHOT);
  assert.deepEqual(counts, [["SCHEDULED", "success", 1.5], 2]);
  assert.deepEqual(alerts(), ["-refresh"]);
  const [line, ...more] = lines();
  assert.deepEqual(more, []);
  assert.equal(line?.message, "refreshed");
  assert.deepEqual(line.fields, { cause: "SCHEDULED", generation: 1, tags: 2, nodes: 1, missing: 2, seconds: 1.5 });
});

test("a fault that lasts is one warning, then an alert, and one line when it is over", () => {
  const { settled, lines, alerts } = desk();
  settled(FAULT);
  settled(FAULT);
  assert.deepEqual(
    lines().map(({ level, fields }) => [level, fields["reason"]]),
    [
      ["warn", "REGISTRY_UNAVAILABLE"],
      ["debug", "REGISTRY_UNAVAILABLE"],
    ],
  );
  assert.deepEqual(alerts(), []);
  settled(FAULT);
  assert.deepEqual(alerts(), ["+refresh"]);
  lines();
  settled(null, SNAPSHOT);
  assert.deepEqual(
    lines().map(({ message }) => message),
    ["refreshed", "the refresh works again: answers are up to date"],
  );
  assert.deepEqual(alerts(), ["-refresh"]);
  settled(FAULT, SNAPSHOT);
  assert.match(lines()[0]?.message ?? "", /stale/);
});

test("what broke without an error of ours, and without a cause, is told all the same", () => {
  const { settled, lines, counts } = desk();
  settled(new Error("broke"), null, null);
  assert.deepEqual(counts, [["SCHEDULED", "failure", 0]]);
  assert.equal(lines()[0]?.fields["reason"], "INTERNAL");
});

test("a success without a snapshot says nothing", () => {
  const { settled, lines } = desk();
  settled(null, null);
  assert.deepEqual(lines(), []);
});

test("nodes whose reports cannot tell are named once, and again when others come", () => {
  const { tell, state, lines, alerts } = desk();
  const replaced = (...full: readonly string[]): void => {
    const nodes = ["n1", "n2", "n3"].map((name) => nodeReport(name, full.includes(name) ? { images: { a: 1 } } : {}));
    const snapshot = snapshotOf({ tags: [], nodes, rules: { nodeStatusMaxImages: 1 } });
    tell({ type: "snapshot.replaced", snapshot }, state(snapshot));
  };
  replaced("n1", "n2");
  replaced("n1", "n2");
  replaced("n2", "n3");
  assert.deepEqual(
    lines().map(({ fields }) => [fields["nodes"], fields["count"]]),
    [
      ["n1, n2", 2],
      ["n3", 1],
    ],
  );
  assert.deepEqual(alerts(), ["+truncated-reports", "+truncated-reports"]);
  replaced();
  assert.deepEqual(alerts(), ["-truncated-reports"]);
  replaced("n1");
  assert.deepEqual(lines().length, 1);
});

test("a line about nodes names the first twenty and counts them all", () => {
  const { tell, state, lines } = desk();
  const editor = editNodeTable(emptyNodeTable(nodeRules({ nodeStatusMaxImages: 1 })));
  for (let number = 0; number < 25; number++) {
    editor.report(nodeReport(`n${number}`, { images: { a: 1 } }), 0);
  }
  const snapshot = { ...snapshotOf({ tags: [], nodes: [] }), table: editor.finish() };
  tell({ type: "snapshot.replaced", snapshot }, state(snapshot));
  const [line] = lines();
  assert.match(line?.message ?? "", /no complete list/);
  assert.equal(line?.fields["count"], 25);
  assert.match(String(line?.fields["nodes"]), /^n0, .*, …$/, "no line with thousands of names");
});

test("an actor that broke is an error and an alert; other news are none", () => {
  const { tell, state, lines, alerts } = desk();
  tell({ type: "gates.opened", cause: "STARTUP" }, state(null));
  assert.deepEqual([lines(), alerts()], [[], []]);
  tell({ type: "actor.broke", actor: "refresh", error: new Error("broke") }, state(null));
  assert.equal(lines()[0]?.level, "error");
  assert.deepEqual(alerts(), ["+actor:refresh"]);
});
