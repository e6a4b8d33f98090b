import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { NodeReport } from "../../src/domain/nodes/node-report.ts";
import { createToldChanges } from "../../src/kubernetes/watch/told-changes.ts";
import type { NodeChange } from "../../src/ports.ts";

function node(name: string, uid = name): NodeReport {
  return { name, uid, architecture: null, taints: [], images: [] };
}

function reported(name: string, uid = name): NodeChange {
  return { type: "node.reported", node: node(name, uid), observedAt: 0 };
}

function removed(name: string): NodeChange {
  return { type: "node.removed", name, uid: name, observedAt: 0 };
}

describe("changes told while a list is on its way", () => {
  it("are kept where they are newer than the list, the latest of each name", () => {
    const told = createToldChanges();
    told.note(reported("old"), "9");
    told.note(reported("same"), "10");
    told.note(removed("remade"), "11");
    told.note(reported("remade", "2"), "12");
    told.note(removed("removed"), "13");
    told.keepNewerThan("10");
    assert.deepEqual(told.bringUpToDate([node("old"), node("remade", "1"), node("removed"), node("same")]), [
      node("old"),
      node("remade", "2"),
      node("same"),
    ]);
    assert.deepEqual(told.unlisted(), []);
  });

  it("tell of nodes that stand in no page, unless they have left meanwhile", () => {
    const told = createToldChanges();
    told.note(reported("a"), "11");
    told.note(reported("b"), "12");
    told.note(reported("c"), "13");
    told.keepNewerThan("10");
    told.note(removed("b"), "14");
    told.note(reported("d"), "15");
    told.bringUpToDate([node("c")]);
    // Who has joined since the list came, such as d, is for those who follow the watch.
    assert.deepEqual(told.unlisted(), [node("a")]);
  });

  it("are known again when they are told again, up to the latest", () => {
    const told = createToldChanges();
    told.note(reported("a"), "11");
    told.note(reported("a"), "13");
    told.keepNewerThan("10");
    for (const version of ["9", "11", "12", "13"]) assert.ok(told.has(reported("a"), version), version);
    assert.ok(!told.has(reported("a"), "14"));
    assert.ok(!told.has(reported("b"), "11"));
  });

  it("are let go where versions cannot be compared", () => {
    const told = createToldChanges();
    told.note(reported("a"), "eleven");
    told.note(reported("b"), "");
    told.keepNewerThan("10");
    assert.deepEqual(told.unlisted(), []);
    told.note(reported("b"), "");
    assert.ok(!told.has(reported("a"), "eleven"));
    assert.ok(!told.has(reported("b"), ""));
  });
});
