import assert from "node:assert/strict";
import { test } from "node:test";
import type { NodeReport } from "../../src/domain/nodes/node-report.ts";
import type { NodeTable } from "../../src/domain/nodes/node-table.ts";
import type { Snapshot } from "../../src/domain/snapshot/snapshot.ts";
import { createSnapshotObserver } from "../../src/service/observers/snapshot-observer.ts";
import { alertRecorder } from "../support/alert-recorder.ts";
import {
  CORDON,
  catalogOf,
  type ListedTag,
  listing,
  nextSnapshot,
  nodeReport,
  nodeRules,
  onlyCatalog,
  snapshotOf,
  tableOf,
} from "../support/image-world.ts";
import { logLines } from "../support/log-lines.ts";
import { manualClock } from "../support/manual-clock.ts";

const SECOND = 1_000;

function observed(first: Snapshot) {
  const clock = manualClock();
  const logger = logLines();
  const alerts = alertRecorder();
  const observer = createSnapshotObserver({ logger, clock, alerts });
  let latest = first;
  observer.replaced(first);
  return {
    clock,
    alerts,
    stop: () => observer.stop(),
    /** The next snapshot has these nodes. */
    nodes(table: NodeTable): void {
      latest = nextSnapshot(latest, { table });
      observer.replaced(latest);
    },
    /** The next snapshot has these tags. */
    tags(...tags: readonly ListedTag[]): void {
      latest = nextSnapshot(latest, {
        catalog: catalogOf(latest.settings.images ?? assert.fail(), listing(...tags), onlyCatalog(latest)),
      });
      observer.replaced(latest);
    },
    /** What was logged by the end of the second. */
    async lines() {
      await clock.advance(SECOND);
      return logger.lines.splice(0).map(({ level, fields, message }) => [`${level}: ${message}`, fields] as const);
    },
  };
}

const named = (...names: readonly string[]) => tableOf(names.map((name) => nodeReport(name)));
const empty = (table: NodeTable) => nextSnapshot(snapshotOf({ tags: listing(["recommended", "a"]) }), { table });

test("F52: nodes that join, leave, are excluded and become eligible again are a line each, gathered for a second", async () => {
  const { nodes, lines, clock } = observed(empty(named("n1", "n2", "n3")));
  assert.deepEqual(await lines(), [], "those of the start are in the line of the refresh");
  nodes(named("n1", "n2", "n3", "n4"));
  await clock.advance(SECOND / 2);
  nodes(named("n1", "n3", "n4", "n5"));
  nodes(tableOf([nodeReport("n1", { taints: [CORDON] }), ...["n3", "n4", "n5"].map((name) => nodeReport(name))]));
  assert.deepEqual(await lines(), [
    ["info: nodes joined", { nodes: "n4, n5", count: 2 }],
    ["info: nodes left (deleted, or no longer selected)", { nodes: "n2", count: 1 }],
    [
      "info: nodes excluded",
      { nodes: "n1", count: 1, reason: "Node is tainted (NoSchedule, node.kubernetes.io/unschedulable)" },
    ],
  ]);
  nodes(named("n1", "n3", "n4", "n5"));
  assert.deepEqual(await lines(), [["info: nodes eligible again", { nodes: "n1", count: 1 }]]);
  nodes(named("n1", "n3", "n4", "n5"));
  assert.deepEqual(await lines(), [], "what is as it was is no line");
});

test("F52: a node that was made again under its name has left and joined", async () => {
  const { nodes, lines } = observed(empty(named("n1")));
  await lines();
  nodes(tableOf([nodeReport("n1", { uid: "other" })]));
  assert.deepEqual(
    (await lines()).map(([message]) => message),
    ["info: nodes joined", "info: nodes left (deleted, or no longer selected)"],
  );
});

test("F52: nodes that are excluded from the start are named with their taint, few names and reasons at a time", async () => {
  const tainted = Array.from({ length: 60 }, (_, at) =>
    nodeReport(`n${String(at).padStart(2, "0")}`, {
      taints: [{ key: at < 30 ? "gpu" : `own-${at}`, value: "", effect: "NoSchedule" }],
    }),
  );
  const { lines } = observed(empty(tableOf(tainted)));
  const excluded = (await lines()).filter(([message]) => message === "info: nodes excluded");
  assert.equal(excluded.length, 11);
  assert.equal(excluded[0]?.[1]["count"], 30);
  assert.match(String(excluded[0]?.[1]["nodes"]), /^n00, .*, n19, …$/);
  assert.deepEqual([excluded.at(-1)?.[1]["reason"], excluded.at(-1)?.[1]["count"]], ["various", 21]);
});

test("F52: a change of the prepull set is one line, and so is a recommended image that moves", async () => {
  const first = snapshotOf({
    settings: { numWeeklies: 2 },
    tags: listing(["recommended", "a"], ["w_2077_42", "a"], ["w_2077_43", "b"]),
  });
  const { tags, lines } = observed(first);
  await lines();
  tags(["recommended", "b"], ["w_2077_42", "a"], ["w_2077_43", "b"], ["w_2077_44", "c"], ["exp_x", "d"]);
  assert.deepEqual(await lines(), [
    ["info: prepull set changed", { added: "w_2077_44", removed: "w_2077_42", moved: "recommended", size: 3 }],
    ["info: recommended image moved", { tag: "recommended", from: "w_2077_42", to: "w_2077_43" }],
  ]);
  tags(["recommended", "b"], ["w_2077_43", "b"], ["w_2077_44", "c"], ["exp_y", "d"]);
  assert.deepEqual(await lines(), [], "what is outside the set is no line");
  tags(["w_2077_43", "b"], ["w_2077_44", "c"]);
  assert.deepEqual((await lines()).at(-1), [
    "info: recommended image moved",
    { tag: "recommended", from: "w_2077_43", to: null },
  ]);
});

test("nodes whose reports leave images out are named once, and again when others come", async () => {
  const { nodes, lines, alerts } = observed(empty(named()));
  const full = (...names: readonly string[]) =>
    nodes(
      tableOf(
        ["n1", "n2", "n3"].map((name) => nodeReport(name, names.includes(name) ? { images: { a: 1 } } : {})),
        nodeRules({ nodeStatusMaxImages: 1 }),
      ),
    );
  const warned = async () => (await lines()).flatMap(([message, fields]) => (message.startsWith("warn") ? fields : []));
  full("n1", "n2");
  assert.deepEqual(await warned(), [{ nodes: "n1, n2", count: 2 }]);
  full("n1", "n2");
  full("n2", "n3");
  assert.deepEqual(await warned(), [{ nodes: "n3", count: 1 }]);
  assert.deepEqual(alerts.active(), ["truncated-reports"]);
  full();
  assert.deepEqual(await warned(), []);
  assert.deepEqual(alerts.resolved, ["truncated-reports"]);
  full("n1");
  assert.equal((await warned()).length, 1);
});

test("F23: what cannot be had is an alert once, and resolved when it is there", async () => {
  const first = snapshotOf({ settings: { pin: ["w_1"] }, tags: [], nodes: [nodeReport("n1")] });
  const { tags, nodes, alerts, lines } = observed(first);
  const keys = { recommended: "problem:RECOMMENDED_TAG_MISSING:recommended", pin: "problem:PINNED_TAG_MISSING:w_1" };
  await lines();
  assert.deepEqual(alerts.active(), [keys.recommended, keys.pin]);
  tags(["recommended", "a"]);
  nodes(named());
  await lines();
  assert.deepEqual(alerts.active(), [keys.pin, "problem:NO_NODES:"]);
  assert.deepEqual(alerts.resolved, [keys.recommended]);
  nodes(named("n2"));
  await lines();
  assert.deepEqual(alerts.active(), [keys.pin]);
  assert.equal(alerts.raised.length, 3, "what lasts is raised once");
});

test("L4: a problem is resolved by what was observed, and forgotten where nothing was", async () => {
  const first = snapshotOf({ tags: [], nodes: [nodeReport("n1", { taints: [CORDON] })] });
  const { tags, nodes, alerts, lines } = observed(first);
  const excluded = "problem:NO_ELIGIBLE_NODES:";
  const over = (...reports: readonly NodeReport[]) => nodes(tableOf(reports, nodeRules({ nodeStatusMaxImages: 1 })));
  await lines();
  assert.ok(alerts.active().includes(excluded));
  nodes(named());
  await lines();
  assert.deepEqual(alerts.resolved, [], "nodes that have gone have not become eligible");
  assert.ok(!alerts.active().includes(excluded));
  nodes(tableOf([nodeReport("n1", { taints: [CORDON] })]));
  await lines();
  over(nodeReport("n1", { images: { a: 1, b: 1 } }), nodeReport("n2"));
  await lines();
  over(nodeReport("n2"));
  tags(["recommended", "a"]);
  await lines();
  assert.deepEqual(Object.fromEntries(alerts.whyResolved), {
    "problem:NO_NODES:": "a node matches",
    [excluded]: "a node is eligible",
    "problem:IMAGE_LIMIT_DIFFERS:": "no node reports more images than the limit",
    "problem:RECOMMENDED_TAG_MISSING:recommended": "the registry has the tag",
  });
});

test("L4: a problem that lasts is logged again when its message changes", async () => {
  const cordoned = (...names: readonly string[]) =>
    tableOf(names.map((name) => nodeReport(name, { taints: [CORDON] })));
  const { nodes, lines, alerts } = observed(empty(cordoned("n1")));
  await lines();
  const warned = async () => (await lines()).flatMap(([message]) => (message.startsWith("warn") ? message : []));
  const taint = { key: "gpu", value: "", effect: "NoSchedule" };
  nodes(tableOf([nodeReport("n1", { taints: [taint] })]));
  assert.deepEqual(await warned(), ["warn: all 1 nodes are excluded, such as n1: Node is tainted (NoSchedule, gpu)"]);
  nodes(tableOf([nodeReport("n1", { taints: [taint], images: { a: 1 } })]));
  assert.deepEqual(await warned(), []);
  assert.equal(alerts.raised.length, 1);
});

test("nothing is logged after the end", async () => {
  const { nodes, lines, stop, clock } = observed(empty(named("n1")));
  nodes(named("n1", "n2"));
  stop();
  assert.deepEqual(await lines(), []);
  assert.equal(clock.pending, 0);
});
