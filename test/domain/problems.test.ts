import assert from "node:assert/strict";
import { test } from "node:test";
import { CORDON, listing, nodeReport, snapshotOf } from "../support/image-world.ts";

const NODES = [nodeReport("n1", { taints: [CORDON] }), nodeReport("n2")];

test("F23: tags that the configuration names and the registry lacks are problems, each by itself", () => {
  const tags = listing(["w_2077_43", "a"], ["w_2077_42", "b"]);
  const settings = { pin: ["w_2077_42", "w_2077_1"] };
  assert.deepEqual(snapshotOf({ settings, tags, nodes: NODES }).problems(), [
    {
      reason: "RECOMMENDED_TAG_MISSING",
      tag: "recommended",
      message: "images.recommendedTag: the registry has no tag recommended, so the menu has no recommended image",
    },
    { reason: "PINNED_TAG_MISSING", tag: "w_2077_1", message: "images.pin: the registry has no tag w_2077_1" },
  ]);
});

test("F23: a tag of another cycle is not said to be missing altogether", () => {
  const [problem] = snapshotOf({
    settings: { cycle: 45 },
    tags: listing(["recommended", "a"]),
    nodes: NODES,
  }).problems();
  assert.match(problem?.message ?? "", /the registry has no tag recommended of cycle 45/);
});

test("F23: a cluster without nodes, or without any that images belong on, is a problem", () => {
  const tags = listing(["recommended", "a"]);
  assert.deepEqual(snapshotOf({ tags }).problems(), [
    { reason: "NO_NODES", tag: "", message: "nodeSelector: no node matches, so nothing is prepulled" },
  ]);
  const cordoned = ["n1", "n2"].map((name) => nodeReport(name, { taints: [CORDON] }));
  const [problem, ...more] = snapshotOf({ tags, nodes: cordoned }).problems();
  assert.deepEqual(more, []);
  assert.equal(problem?.reason, "NO_ELIGIBLE_NODES");
  assert.match(problem.message, /^all 2 nodes are excluded, such as n1: Node is tainted/);
});

test("F26: lists longer than the configured limit show that the kubelets have another one", () => {
  const tags = listing(["recommended", "a"]);
  const nodes = [
    nodeReport("n1", { images: { a: 3, b: 2 } }),
    nodeReport("n2", { images: { a: 3, b: 2, c: 1 } }),
    nodeReport("n3", { images: { a: 3, b: 2, c: 1, d: 1 } }),
  ];
  const [problem, ...more] = snapshotOf({ tags, nodes, rules: { nodeStatusMaxImages: 2 } }).problems();
  assert.deepEqual(more, []);
  assert.equal(problem?.reason, "IMAGE_LIMIT_DIFFERS");
  assert.match(problem.message, /nodeStatusMaxImages is 2, and 2 of 3 nodes, such as n2, report more images: set it/);
  for (const nodeStatusMaxImages of [-1, 4, 50]) {
    assert.deepEqual(snapshotOf({ tags, nodes, rules: { nodeStatusMaxImages } }).problems(), []);
  }
});

test("F23: nothing is a problem where everything is there", () => {
  assert.deepEqual(snapshotOf({ tags: listing(["recommended", "a"]), nodes: NODES }).problems(), []);
});
