import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { NodeReport } from "../../src/domain/nodes/node-report.ts";
import { createListOverlay } from "../../src/kubernetes/watch/list-overlay.ts";
import type { NodeChange } from "../../src/ports.ts";

function node(name: string, uid = name): NodeReport {
  return {
    name,
    uid,
    os: null,
    labels: {},
    createdAt: null,
    notReadySince: null,
    architecture: null,
    taints: [],
    images: [],
  };
}

function reported(name: string, uid = name): NodeChange {
  return { type: "node.reported", node: node(name, uid), observedAt: 0 };
}

function removed(name: string): NodeChange {
  return { type: "node.removed", name, uid: name, observedAt: 0 };
}

describe("in-flight changes of a list", () => {
  it("are kept where they are newer than the list, the latest of each name", () => {
    const overlay = createListOverlay();
    overlay.record(reported("old"), "9");
    overlay.record(reported("same"), "10");
    overlay.record(removed("remade"), "11");
    overlay.record(reported("remade", "2"), "12");
    overlay.record(removed("removed"), "13");
    overlay.keepNewerThan("10");
    assert.deepEqual(overlay.apply([node("old"), node("remade", "1"), node("removed"), node("same")]), [
      node("old"),
      node("remade", "2"),
      node("same"),
    ]);
    assert.deepEqual(overlay.unlisted(), []);
  });

  it("include nodes that are in no page, unless they have left meanwhile", () => {
    const overlay = createListOverlay();
    overlay.record(reported("a"), "11");
    overlay.record(reported("b"), "12");
    overlay.record(reported("c"), "13");
    overlay.keepNewerThan("10");
    overlay.record(removed("b"), "14");
    overlay.record(reported("d"), "15");
    overlay.apply([node("c")]);
    // Who has joined since the list came, such as d, is for those who follow the watch.
    assert.deepEqual(overlay.unlisted(), [node("a")]);
  });

  it("are covered when they are reported again, up to the latest", () => {
    const overlay = createListOverlay();
    overlay.record(reported("a"), "11");
    overlay.record(reported("a"), "13");
    overlay.keepNewerThan("10");
    for (const version of ["9", "11", "12", "13"]) assert.ok(overlay.covers(reported("a"), version), version);
    assert.ok(!overlay.covers(reported("a"), "14"));
    assert.ok(!overlay.covers(reported("b"), "11"));
  });

  it("are let go where versions cannot be compared", () => {
    const overlay = createListOverlay();
    overlay.record(reported("a"), "eleven");
    overlay.record(reported("b"), "");
    overlay.keepNewerThan("10");
    assert.deepEqual(overlay.unlisted(), []);
    overlay.record(reported("b"), "");
    assert.ok(!overlay.covers(reported("a"), "eleven"));
    assert.ok(!overlay.covers(reported("b"), ""));
  });
});
