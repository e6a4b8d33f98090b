import assert from "node:assert/strict";
import { test } from "node:test";
import { editNodeTable } from "../../../src/domain/nodes/node-table.ts";
import { changedNodes, NO_WORK, workOf } from "../../../src/domain/prepull/prepull-work.ts";
import { WEEKLIES } from "../../support/coordinator-world.ts";
import { CORDON, imageSettings, nextSnapshot, nodeReport, snapshotOf } from "../../support/image-world.ts";

test("the work has the nodes as they are now: a node without work that leaves makes another work of the same nodes", () => {
  const reports = [nodeReport("n0"), nodeReport("n1", { taints: [CORDON] })];
  const before = snapshotOf({ settings: imageSettings({ numWeeklies: 2 }), tags: WEEKLIES, nodes: reports });
  const work = workOf(before, NO_WORK);
  assert.deepEqual(
    work.nodes.map(({ node }) => node),
    ["n0"],
  );
  assert.equal(workOf(nextSnapshot(before, {}), work), work);
  const editor = editNodeTable(before.table);
  editor.remove("n1", null);
  const after = nextSnapshot(before, { table: editor.finish() });
  const next = workOf(after, work);
  assert.equal(next.table, after.table);
  assert.equal(next.nodes, work.nodes);
  assert.deepEqual(changedNodes(work, next), []);
});
