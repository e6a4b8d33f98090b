import assert from "node:assert/strict";
import { test } from "node:test";
import { editNodeTable } from "../../src/domain/nodes/node-table.ts";
import type { NodeImage } from "../../src/domain/snapshot/answers.ts";
import type { Snapshot } from "../../src/domain/snapshot/snapshot.ts";
import {
  CORDON,
  digest,
  found,
  listing,
  missingTags,
  nextSnapshot,
  nodeReport,
  PREFIX,
  snapshotOf,
  tableOf,
} from "../support/image-world.ts";

const TAGS = listing(["recommended", "a"], ["w_2077_43", "a"], ["w_2077_42", "b"], ["d_2077_10_23", "c"]);
const SET = { numWeeklies: 2, numDailies: 1 };

test("each eligible node lacks what the set has and the node has not, the recommended image first", () => {
  const settings = { ...SET, recommendedTag: "d_2077_10_23" };
  const snapshot = snapshotOf({
    settings,
    tags: TAGS,
    nodes: [nodeReport("n2"), nodeReport("n1", { images: { b: 1 } })],
  });
  assert.deepEqual(missingTags(snapshot), {
    n1: ["d_2077_10_23", "w_2077_43"],
    n2: ["d_2077_10_23", "w_2077_43", "w_2077_42"],
  });
  assert.deepEqual(
    snapshot.missing().map(({ node }) => node),
    ["n1", "n2"],
  );
});

test("nodes that lack nothing and nodes that are not eligible are left out", () => {
  const nodes = [nodeReport("n1", { images: { a: 1, b: 1, c: 1 } }), nodeReport("n2", { taints: [CORDON] })];
  assert.deepEqual(missingTags(snapshotOf({ settings: SET, tags: TAGS, nodes })), {});
});

test("there is one image a digest: the set's first by the rule for the primary", () => {
  const settings = { pin: ["zebra", "w_2077_43-amd64", "exp_x"] };
  const tags = listing(
    ["r29_0_0", "a"],
    ["w_2077_43-amd64", "a"],
    ["zebra", "a"],
    ["recommended", "a"],
    ["exp_x", "a"],
  );
  const snapshot = snapshotOf({ settings, tags, nodes: [nodeReport("n1")] });
  assert.deepEqual(missingTags(snapshot), { n1: ["exp_x"] });
});

test("an alias of the set is pulled where its target is not in the set", () => {
  const snapshot = snapshotOf({ tags: TAGS, nodes: [nodeReport("n1")] });
  assert.deepEqual(missingTags(snapshot), { n1: ["recommended"] });
});

test("the image that the recommended one stands for is first, under its own tag", () => {
  const settings = { numWeeklies: 1, numReleases: 1 };
  const tags = listing(["recommended", "a"], ["w_2077_43", "a"], ["r29_0_0", "b"]);
  assert.deepEqual(missingTags(snapshotOf({ settings, tags, nodes: [nodeReport("n1")] })), {
    n1: ["w_2077_43", "r29_0_0"],
  });
});

test("an image whose digest is not known is missing nowhere, and not prepulled", () => {
  const snapshot = snapshotOf({ tags: [{ tag: "zebra", digest: null, sizeBytes: null }], nodes: [nodeReport("n1")] });
  assert.deepEqual(snapshot.missing(), []);
  assert.equal(snapshot.images().images[0]?.prepulled, false);
});

test("an image of a known architecture is missing on nodes of it and on those without label", () => {
  const settings = { pin: ["w_2077_43-arm64"] };
  const nodes = [
    nodeReport("arm", { architecture: "arm64" }),
    nodeReport("intel", { architecture: "amd64" }),
    nodeReport("plain"),
  ];
  const tags = listing(["w_2077_43-arm64", "a"]);
  assert.deepEqual(Object.keys(missingTags(snapshotOf({ settings, tags, nodes }))), ["arm", "plain"]);
});

function isPrepulled(snapshot: Snapshot, tag: string): boolean {
  return found(snapshot.imageForTag(tag)).image.prepulled;
}

test("an image is prepulled when it is on every node that it belongs on, and so where there is none", () => {
  const has = nodeReport("n1", { images: { a: 1 } });
  const lacks = nodeReport("n2");
  const tainted = nodeReport("n3", { taints: [CORDON] });
  assert.ok(isPrepulled(snapshotOf({ tags: TAGS, nodes: [] }), "recommended"));
  assert.ok(isPrepulled(snapshotOf({ tags: TAGS, nodes: [has, tainted] }), "recommended"));
  assert.ok(isPrepulled(snapshotOf({ tags: TAGS, nodes: [tainted] }), "recommended"));
  assert.ok(!isPrepulled(snapshotOf({ tags: TAGS, nodes: [has, lacks] }), "recommended"));
});

function progress(images: readonly NodeImage[]): readonly unknown[] {
  return images.map(({ image, nodes, missing }) => [image.tag, nodes.join(" "), missing.join(" ")]);
}

test("the status has the set without aliases whose target is in it, with the nodes that have and lack each", () => {
  const nodes = [
    nodeReport("n1", { images: { a: 1, b: 1 } }),
    nodeReport("n2", { images: { a: 1 } }),
    nodeReport("n3", { taints: [CORDON], images: { b: 1 } }),
  ];
  const { prepulled, pending } = snapshotOf({ settings: SET, tags: TAGS, nodes }).prepullImages();
  assert.deepEqual(progress(prepulled), [["w_2077_43", "n1 n2", ""]]);
  assert.deepEqual(progress(pending), [
    ["w_2077_42", "n1 n3", "n2"],
    ["d_2077_10_23", "", "n1 n2"],
  ]);
});

test("the status keeps an alias whose target is outside the set, and one that stands for nothing", () => {
  const tags = listing(["recommended", "a"], ["w_2077_43", "a"], ["zebra", "b"]);
  const { prepulled } = snapshotOf({ settings: { pin: ["zebra"] }, tags }).prepullImages();
  assert.deepEqual(progress(prepulled), [
    ["recommended", "", ""],
    ["zebra", "", ""],
  ]);
});

test("every image of the set is either prepulled or pending, also where its digest is not known", () => {
  const settings = { pin: ["zebra"] };
  const tags = [...listing(["recommended", "a"]), { tag: "zebra", digest: digest("b"), sizeBytes: null }];
  const { prepulled, pending } = snapshotOf({
    settings,
    tags,
    nodes: [nodeReport("n1", { images: { b: 1 } })],
  }).prepullImages();
  assert.deepEqual([progress(prepulled), progress(pending)], [[["zebra", "n1", ""]], [["recommended", "", "n1"]]]);
});

test("the status has every node, with its eligibility and the set's images that are on it", () => {
  const nodes = [
    nodeReport("n2", { images: { c: 1, a: 2, other: 3 } }),
    nodeReport("n1", { taints: [CORDON], images: { b: 1 } }),
    nodeReport("n3", { images: { a: 3, b: 2, c: 1, d: 1 } }),
  ];
  const snapshot = snapshotOf({ settings: SET, tags: TAGS, nodes, rules: { nodeStatusMaxImages: 4 } });
  const comment = "Node is tainted (NoSchedule, node.kubernetes.io/unschedulable)";
  const [w43, w42, daily] = ["w_2077_43", "w_2077_42", "d_2077_10_23"].map((tag) => `${PREFIX}${tag}`);
  assert.deepEqual(snapshot.nodes(), [
    { name: "n1", eligible: false, comment, cached: [w42], imagesTruncated: false },
    { name: "n2", eligible: true, comment: null, cached: [w43, daily], imagesTruncated: false },
    { name: "n3", eligible: true, comment: null, cached: [w43, w42, daily], imagesTruncated: true },
  ]);
});

test("the status follows nodes that come and go where the image itself stays as it is", () => {
  const nodes = [nodeReport("n1"), nodeReport("n2"), nodeReport("n3", { taints: [CORDON] })];
  const first = snapshotOf({ tags: listing(["recommended", "a"]), nodes });
  assert.deepEqual(progress(first.prepullImages().pending), [["recommended", "", "n1 n2"]]);
  const second = nextSnapshot(first, { table: tableOf([nodeReport("n1"), nodeReport("n3")]) });
  assert.deepEqual(progress(second.prepullImages().pending), [["recommended", "", "n1 n3"]]);
  const editor = editNodeTable(second.table);
  editor.report(nodeReport("n1", { taints: [CORDON] }), 1);
  const third = nextSnapshot(second, { table: editor.finish() });
  assert.deepEqual(progress(third.prepullImages().pending), [["recommended", "", "n3"]]);
});

test("the list has all images with the four classes", () => {
  const { recommended, latestWeekly, latestDaily, latestRelease, images } = snapshotOf({
    settings: SET,
    tags: TAGS,
  }).images();
  assert.deepEqual(
    [recommended, latestWeekly, latestDaily, latestRelease].map((image) => image?.tag ?? null),
    ["recommended", "w_2077_43", "d_2077_10_23", null],
  );
  assert.deepEqual(
    images.map(({ tag }) => tag),
    ["recommended", "w_2077_43", "w_2077_42", "d_2077_10_23"],
  );
});
