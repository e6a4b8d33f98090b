import assert from "node:assert/strict";
import { test } from "node:test";
import { digestsOn, STALE_PRESENCE_TTL_MS } from "../../src/domain/nodes/node-record.ts";
import { editNodeTable, emptyNodeTable, type NodeTable, nodeNamed } from "../../src/domain/nodes/node-table.ts";
import { presenceOf } from "../../src/domain/nodes/presence.ts";
import { compareCodePoints } from "../../src/domain/text-order.ts";
import { CORDON, digest, nodeReport, nodeRules, type ReportContent } from "../support/image-world.ts";

const MINUTE = 60_000;

/** One node, told step by step. */
interface Told {
  readonly table: NodeTable;
  /** The node's next report. */
  report(at: number, content?: ReportContent, name?: string): Told;
  mark(at: number, id: string): Told;
}

function told(table: NodeTable): Told {
  return {
    table,
    report(at, content = {}, name = "n1") {
      const editor = editNodeTable(table);
      editor.report(nodeReport(name, content), at);
      return told(editor.finish());
    },
    mark(at, id) {
      const editor = editNodeTable(table);
      editor.mark("n1", digest(id), at);
      return told(editor.finish());
    },
  };
}

/** A node whose kubelet reports at most so many images. */
function limited(nodeStatusMaxImages: number): Told {
  return told(emptyNodeTable(nodeRules({ nodeStatusMaxImages })));
}

function on({ table }: Told): string {
  const record = nodeNamed(table, "n1");
  const digests = record === null ? [] : [...digestsOn(record).keys()];
  return digests
    .map((name) => name.replace("sha256:", ""))
    .sort(compareCodePoints)
    .join(" ");
}

function isTruncated({ table }: Told): boolean | undefined {
  return nodeNamed(table, "n1")?.truncated;
}

/** The largest size in bytes that a node reports for the digest; null where none does. */
function reportedSize({ presence }: NodeTable, image: string): number | null {
  return presenceOf(presence, image)?.sizeBytes || null;
}

test("an image is on a node when any digest of any entry is its own", () => {
  const entries = [
    { digests: [digest("index"), digest("arm")], sizeBytes: 5 },
    { digests: [], sizeBytes: 4 },
  ];
  const node = limited(50).report(0, { entries });
  assert.equal(on(node), "arm index");
  assert.equal(reportedSize(node.table, digest("arm")), 5);
  assert.equal(reportedSize(node.table, digest("other")), null);
});

test("a digest that two entries name has the larger size", () => {
  const entries = [3, 8, 5].map((sizeBytes) => ({ digests: [digest("a")], sizeBytes }));
  assert.equal(reportedSize(limited(50).report(0, { entries }).table, digest("a")), 8);
});

test("a list below the limit is definite: what it leaves out is gone", () => {
  const node = limited(3)
    .report(0, { images: { a: 9, b: 1 } })
    .report(1, { images: { a: 9 } });
  assert.equal(on(node), "a");
  assert.equal(isTruncated(node), false);
});

test("a list at the limit is definite for images above its smallest entry, and says nothing of the others", () => {
  const known = limited(3).report(0, { images: { big: 9, same: 4, small: 2 } });
  assert.equal(isTruncated(known), true);
  const cut = known.report(1, { images: { x: 8, y: 6, z: 4 } });
  assert.equal(on(cut), "same small x y z");
});

test("F26: a list longer than the limit was not cut: what it leaves out is gone", () => {
  const known = limited(2).report(0, { images: { big: 9, same: 4, small: 2 } });
  assert.equal(isTruncated(known), false);
  assert.equal(on(known.report(1, { images: { x: 8, y: 6, z: 4 } })), "x y z");
});

test("a list at the limit says nothing of images without size", () => {
  const known = limited(2).report(0, { images: { a: 0 } });
  assert.equal(on(known.report(1, { images: { x: 8, y: 6 } })), "a x y");
});

test("an image that the node never sized has the size that others report", () => {
  const known = limited(2)
    .report(0, { images: { a: 0 } })
    .report(0, { images: { a: 7 } }, "n2");
  assert.equal(on(known.report(1, { images: { x: 8, y: 6 } })), "x y");
});

test("what was known to be there stays for 30 minutes at most, from the first report that is incomplete", () => {
  const known = limited(2).report(0, { images: { a: 1 } });
  const doubted = known.report(10, { images: { x: 8, y: 6 } });
  const later = doubted.report(10 + STALE_PRESENCE_TTL_MS - 1, { images: { x: 8, y: 6 } });
  assert.equal(on(later), "a x y");
  assert.equal(on(later.report(10 + STALE_PRESENCE_TTL_MS, { images: { x: 8, y: 6 } })), "x y");
  assert.equal(STALE_PRESENCE_TTL_MS, 30 * MINUTE);
});

test("a report that shows an image again starts its 30 minutes again", () => {
  const doubted = limited(2)
    .report(0, { images: { a: 1 } })
    .report(10, { images: { x: 8, y: 6 } });
  const again = doubted.report(20 * MINUTE, { images: { a: 1 } }).report(21 * MINUTE, { images: { x: 8, y: 6 } });
  assert.equal(on(again.report(50 * MINUTE, { images: { x: 8, y: 6 } })), "a x y");
});

test("what was never known is missing", () => {
  assert.equal(on(limited(2).report(0, { images: { x: 8, y: 6 } })), "x y");
  assert.equal(isTruncated(limited(2).report(0, { images: { x: 8, y: 6 } })), true);
});

test("a list that falls below the limit is definite again", () => {
  const doubted = limited(2)
    .report(0, { images: { a: 1 } })
    .report(1, { images: { x: 8, y: 6 } });
  assert.equal(on(doubted.report(2, { images: { x: 8 } })), "x");
});

test("F74: an empty list is complete, also after images", () => {
  const empty = limited(50)
    .report(0, { images: { a: 9, b: 1 } })
    .report(10, {});
  assert.equal(on(empty), "");
  assert.equal(isTruncated(empty), false);
});

test("images after an empty list are definite again", () => {
  const node = limited(50)
    .report(0, { images: { a: 9, b: 1 } })
    .report(1, {})
    .report(2, { images: { b: 1 } });
  assert.equal(on(node), "b");
  assert.equal(isTruncated(node), false);
});

test("with -1 every report is definite, the empty one too", () => {
  const node = limited(-1).report(0, { images: { a: 9, b: 1 } });
  assert.equal(on(node.report(1, { images: { b: 1 } })), "b");
  assert.equal(on(node.report(1, {})), "");
  assert.equal(isTruncated(node.report(1, {})), false);
});

test("with 0 every report is incomplete, so that only marks are known, for their time", () => {
  const marked = limited(0)
    .report(0, {})
    .mark(1, "a")
    .report(2 * MINUTE, {});
  assert.equal(isTruncated(marked), true);
  assert.equal(on(marked), "a");
  assert.equal(on(marked.report(2 * MINUTE + STALE_PRESENCE_TTL_MS, {})), "");
});

test("a mark ends with the first report that shows the image", () => {
  const confirmed = limited(50)
    .report(0, { images: { x: 1 } })
    .mark(1, "a")
    .report(2, { images: { x: 1, a: 5 } });
  assert.equal(on(confirmed), "a x");
  assert.equal(on(confirmed.report(3, { images: { x: 1 } })), "x");
});

test("a mark stands against reports younger than its grace, and ends with the first one after it", () => {
  const marked = limited(50)
    .report(0, { images: { x: 1 } })
    .mark(1_000, "a");
  assert.equal(on(marked), "a x");
  const early = marked.report(1_000 + 59_999, { images: { x: 1 } });
  assert.equal(on(early), "a x");
  assert.equal(on(early.report(1_000 + 60_000, { images: { x: 1 } })), "x");
});

test("a report observed before the mark cannot undo it, however late it comes", () => {
  const marked = limited(50)
    .report(0, { images: { x: 1 } })
    .mark(90_000, "a");
  assert.equal(on(marked.report(1_000, { images: { x: 1 } })), "a x");
});

test("a second mark starts the grace again", () => {
  const marked = limited(50)
    .report(0, { images: { x: 1 } })
    .mark(0, "a")
    .mark(50_000, "a");
  assert.equal(on(marked.report(100_000, { images: { x: 1 } })), "a x");
});

test("after its grace a mark outlives reports that are incomplete, for 30 minutes", () => {
  const marked = limited(1)
    .report(0, { images: { x: 5 } })
    .mark(0, "a")
    .report(2 * MINUTE, { images: { x: 5 } });
  assert.equal(on(marked), "a x");
  assert.equal(on(marked.report(2 * MINUTE + STALE_PRESENCE_TTL_MS, { images: { x: 5 } })), "x");
});

test("a mark on an image that is held already gives it the mark's grace", () => {
  const held = limited(1)
    .report(0, { images: { a: 3 } })
    .report(1, { images: { x: 5 } })
    .mark(29 * MINUTE, "a");
  assert.equal(on(held.report(STALE_PRESENCE_TTL_MS - 1, { images: { x: 5 } })), "a x");
  assert.equal(on(held.report(STALE_PRESENCE_TTL_MS + 2 * MINUTE, { images: { x: 5 } })), "a x");
});

test("a mark on an image that the report shows changes nothing", () => {
  const node = limited(50).report(0, { images: { a: 1 } });
  assert.equal(node.mark(1, "a").table, node.table);
  assert.equal(on(node.mark(1, "a").report(2, {})), "");
  assert.equal(on(node.mark(1, "a").report(2, { images: { x: 1 } })), "x");
});

test("marks and memories end with the node: one made again under its name starts from nothing", () => {
  const known = limited(50)
    .report(0, { images: { a: 1 } })
    .mark(1, "b");
  assert.equal(on(known), "a b");
  assert.equal(on(known.report(3, { uid: "other" })), "");
});

test("taints and architecture are those of the last report", () => {
  const cordoned = limited(50)
    .report(0, {})
    .report(1, { taints: [CORDON], architecture: "arm64" });
  const record = nodeNamed(cordoned.table, "n1");
  assert.equal(record?.eligible, false);
  assert.equal(record?.comment, "Node is tainted (NoSchedule, node.kubernetes.io/unschedulable)");
  assert.equal(record?.report.architecture, "arm64");
  assert.equal(nodeNamed(cordoned.report(2, {}).table, "n1")?.comment, null);
});

test("a report that says nothing new leaves the table as it was, unless something waits for its time", () => {
  const content = { images: { a: 1 }, taints: [CORDON], architecture: "amd64" };
  const node = limited(50).report(0, content);
  assert.equal(node.report(1, structuredClone(content)).table, node.table);
  const marked = node.mark(1, "b");
  assert.notEqual(marked.report(2, content).table, marked.table);
});

test("any difference in a report is noticed", () => {
  const content = {
    images: { a: 1 },
    entries: [{ digests: [digest("b"), digest("c")], sizeBytes: 2 }],
    taints: [CORDON],
  };
  const node = limited(50).report(0, content);
  const others: readonly ReportContent[] = [
    { ...content, images: { a: 2 } },
    { ...content, images: { z: 1 } },
    { ...content, entries: [{ digests: [digest("b")], sizeBytes: 2 }] },
    { ...content, entries: [{ digests: [digest("c"), digest("b")], sizeBytes: 2 }] },
    { ...content, entries: [] },
    { ...content, taints: [] },
    { ...content, taints: [{ ...CORDON, value: "x" }] },
    { ...content, taints: [{ ...CORDON, key: "x" }] },
    { ...content, taints: [{ ...CORDON, effect: "NoExecute" }] },
    { ...content, architecture: "arm64" },
    { ...content, uid: "other" },
  ];
  for (const other of others) assert.notEqual(node.report(1, other).table, node.table, JSON.stringify(other));
});
