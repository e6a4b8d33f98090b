import assert from "node:assert/strict";
import { test } from "node:test";
import { digestsInNames } from "../../src/domain/nodes/node-report.ts";
import { NO_NODES } from "../../src/domain/nodes/node-set.ts";
import {
  editNodeTable,
  emptyNodeTable,
  type NodeTable,
  type NodeTableEditor,
  namesOf,
  nodeNamed,
  nodesToHave,
} from "../../src/domain/nodes/node-table.ts";
import { presenceOf } from "../../src/domain/nodes/presence.ts";
import { CORDON, digest, nodeReport, nodeRules, tableOf } from "../support/image-world.ts";

function edited(table: NodeTable, edit: (editor: NodeTableEditor) => void): NodeTable {
  const editor = editNodeTable(table);
  edit(editor);
  return editor.finish();
}

function nodesWith(table: NodeTable, id: string): string {
  return namesOf(table, presenceOf(table.presence, digest(id))?.nodes ?? NO_NODES).join(" ");
}

function names(table: NodeTable): string {
  return table.records.map(({ report }) => report.name).join(" ");
}

/** The largest size in bytes that a node reports for the digest; null where none does. */
function reportedSize({ presence }: NodeTable, image: string): number | null {
  return presenceOf(presence, image)?.sizeBytes || null;
}

test("nodes are listed by name, whatever the order in which they came", () => {
  const table = tableOf([nodeReport("c"), nodeReport("a"), nodeReport("b10"), nodeReport("b9")]);
  assert.equal(names(table), "a b10 b9 c");
  assert.equal(nodeNamed(table, "b9")?.report.name, "b9");
  assert.equal(nodeNamed(table, "b"), null);
  assert.equal(nodeNamed(table, "d"), null);
});

test("a node that left is nowhere, and its place goes to the next one", () => {
  const table = tableOf([nodeReport("a", { images: { x: 1 } }), nodeReport("b", { images: { x: 2 } })]);
  const left = edited(table, (editor) => editor.remove("a", null));
  assert.equal(names(left), "b");
  assert.equal(nodesWith(left, "x"), "b");
  const joined = edited(left, (editor) => editor.report(nodeReport("c", { images: { y: 1 } }), 1));
  assert.equal(nodeNamed(joined, "c")?.slot, nodeNamed(table, "a")?.slot);
  assert.equal(nodesWith(joined, "x"), "b");
  assert.equal(nodesWith(joined, "y"), "c");
  assert.equal(nodesWith(table, "x"), "a b", "the first table is as it was");
});

test("a removal names the very node: another uid under its name stays", () => {
  const table = tableOf([nodeReport("a", { uid: "new" })]);
  assert.equal(
    edited(table, (editor) => editor.remove("a", "old")),
    table,
  );
  assert.equal(names(edited(table, (editor) => editor.remove("a", "new"))), "");
  assert.equal(
    edited(table, (editor) => editor.remove("z", null)),
    table,
  );
});

test("another uid under the same name is another node, without the images of the first", () => {
  const table = tableOf([nodeReport("a", { images: { x: 5 } }), nodeReport("b", { images: { x: 3 } })]);
  const again = edited(table, (editor) => editor.report(nodeReport("a", { uid: "2", images: { y: 1 } }), 1));
  assert.equal(nodesWith(again, "x"), "b");
  assert.equal(nodesWith(again, "y"), "a");
  assert.equal(reportedSize(again, digest("x")), 3);
  assert.equal(again.bySlot.length, table.bySlot.length, "it takes the place of the first");
});

test("the largest size follows the nodes that report it", () => {
  const table = tableOf(["a", "b", "c"].map((name, at) => nodeReport(name, { images: { x: [4, 9, 6][at] ?? 0 } })));
  assert.equal(reportedSize(table, digest("x")), 9);
  const shrunk = edited(table, (editor) => editor.report(nodeReport("b", { images: { x: 5 } }), 1));
  assert.equal(reportedSize(shrunk, digest("x")), 6);
  const left = edited(shrunk, (editor) => editor.remove("c", null));
  assert.equal(reportedSize(left, digest("x")), 5);
  const grown = edited(left, (editor) => editor.report(nodeReport("a", { images: { x: 7 } }), 1));
  assert.equal(reportedSize(grown, digest("x")), 7);
  const gone = edited(grown, (editor) => editor.retain(new Set()));
  assert.equal(reportedSize(gone, digest("x")), null);
});

test("a whole list keeps its nodes, and no others, those that joined in the same edit neither", () => {
  const table = tableOf([nodeReport("a"), nodeReport("b")]);
  const kept = edited(table, (editor) => {
    editor.report(nodeReport("c"), 1);
    editor.report(nodeReport("d"), 1);
    editor.retain(new Set(["b", "c", "e"]));
  });
  assert.equal(names(kept), "b c");
  assert.equal(
    edited(table, (editor) => editor.retain(new Set(["a", "b"]))),
    table,
  );
});

test("a node that leaves and comes again in one edit is there, with its last report alone", () => {
  const table = tableOf([nodeReport("a", { images: { x: 1 } })]);
  const again = edited(table, (editor) => {
    editor.remove("a", null);
    editor.report(nodeReport("a", { images: { y: 1 } }), 1);
  });
  assert.equal(nodesWith(again, "x"), "");
  assert.equal(nodesWith(again, "y"), "a");
  const never = edited(table, (editor) => {
    editor.report(nodeReport("b", { images: { x: 1 } }), 1);
    editor.remove("b", null);
  });
  assert.equal(names(never), "a");
});

test("marks return whether there is such a node", () => {
  const table = tableOf([nodeReport("a")]);
  const editor = editNodeTable(table);
  assert.equal(editor.mark("a", digest("x"), 1), true);
  assert.equal(editor.mark("b", digest("x"), 1), false);
  assert.equal(nodesWith(editor.finish(), "x"), "a");
});

function toHave(table: NodeTable, architecture: string | null): string {
  return namesOf(table, nodesToHave(table, 0, { platforms: null, architecture })).join(" ");
}

const MIXED = tableOf([
  nodeReport("arm", { architecture: "arm64" }),
  nodeReport("intel", { architecture: "amd64" }),
  nodeReport("odd", { architecture: "x86" }),
  nodeReport("plain"),
  nodeReport("tainted", { architecture: "arm64", taints: [CORDON] }),
]);

test("an image without architecture belongs on every eligible node", () => {
  assert.equal(toHave(MIXED, null), "arm intel odd plain");
});

test("an image of an architecture that nodes can have belongs on nodes of it and on those without label", () => {
  assert.equal(toHave(MIXED, "arm64"), "arm plain");
  assert.equal(toHave(MIXED, "amd64"), "intel plain");
  for (const name of ["arm", "386", "ppc64le", "s390x", "riscv64", "loong64", "mips64le"]) {
    assert.equal(toHave(MIXED, name), "plain");
  }
});

test("an architecture that no node can have does not bind an image", () => {
  assert.equal(toHave(MIXED, "x86"), "arm intel odd plain");
  assert.equal(toHave(MIXED, "x86_64"), "arm intel odd plain");
});

test("where no node is eligible an image belongs on none", () => {
  assert.equal(toHave(emptyNodeTable(nodeRules()), "arm64"), "");
  assert.equal(toHave(tableOf([nodeReport("a", { taints: [CORDON] })]), null), "");
});

test("who belongs follows taints and labels", () => {
  const cordoned = edited(MIXED, (editor) => editor.report(nodeReport("plain", { taints: [CORDON] }), 1));
  assert.equal(toHave(cordoned, "amd64"), "intel");
  const relabelled = edited(cordoned, (editor) => editor.report(nodeReport("odd", { architecture: "amd64" }), 1));
  assert.equal(toHave(relabelled, "amd64"), "intel odd");
  const back = edited(relabelled, (editor) => editor.report(nodeReport("tainted", { architecture: "arm64" }), 1));
  assert.equal(toHave(back, "arm64"), "arm tainted");
});

test("the eligible nodes are shared while images alone change", () => {
  const table = edited(MIXED, (editor) => editor.report(nodeReport("plain", { images: { x: 1 } }), 1));
  assert.equal(table.members, MIXED.members);
  const later = edited(table, (editor) =>
    editor.report(nodeReport("tainted", { architecture: "amd64", taints: [CORDON] }), 1),
  );
  assert.equal(later.members, MIXED.members, "an ineligible node's label says nothing");
});

test("tolerations make tainted nodes eligible", () => {
  const rules = nodeRules({ tolerations: [{ operator: "Exists" }] });
  assert.equal(toHave(tableOf([nodeReport("a", { taints: [CORDON] })], rules), null), "a");
});

test("digests are read out of every name that has one, each once", () => {
  const names = ["r/a@sha256:1", "r/b:tag", "r/c@sha256:1", "r/d@sha256:2", "r/e@", "x@y@sha256:3"];
  assert.deepEqual(digestsInNames(names), ["sha256:1", "sha256:2", "sha256:3"]);
});
