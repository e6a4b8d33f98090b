import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createImageInterning } from "../../src/kubernetes/nodes/image-interning.ts";
import { readNode } from "../../src/kubernetes/nodes/node-object.ts";

const A = `sha256:${"a".repeat(64)}`;
const B = `sha256:${"b".repeat(64)}`;

function read(images: unknown, more: object = {}) {
  const metadata = { name: "n", uid: "u", resourceVersion: "7" };
  return readNode({ metadata, status: { images }, ...more }, createImageInterning());
}

describe("node object (K6: lists of images)", () => {
  const cases: Readonly<Record<string, [unknown, unknown]>> = {
    "no list": [undefined, []],
    "a list that is null": [null, []],
    "an empty list": [[], []],
    "an image without names": [[{ sizeBytes: 5 }], [{ digests: [], sizeBytes: 5 }]],
    "names that are null": [[{ names: null, sizeBytes: 5 }], [{ digests: [], sizeBytes: 5 }]],
    "names without a digest": [[{ names: ["r/a:1", "<none>:<none>"], sizeBytes: 5 }], [{ digests: [], sizeBytes: 5 }]],
    "five names, of two digests": [
      [{ names: [`r/a@${A}`, `r/b@${A}`, `r/a@${B}`, "r/a:1", "r/a:2"], sizeBytes: 5 }],
      [{ digests: [A, B], sizeBytes: 5 }],
    ],
    "no size, or one that is none": [
      [{ names: [`r/a@${A}`] }, { names: [`r/b@${B}`], sizeBytes: -1 }],
      [
        { digests: [A], sizeBytes: 0 },
        { digests: [B], sizeBytes: 0 },
      ],
    ],
    "entries that are none": [
      [null, 7],
      [
        { digests: [], sizeBytes: 0 },
        { digests: [], sizeBytes: 0 },
      ],
    ],
    "names that are no text": [[{ names: [7, `r/a@${A}`], sizeBytes: 1 }], [{ digests: [A], sizeBytes: 1 }]],
  };
  for (const [name, [images, expected]] of Object.entries(cases)) {
    it(`reads ${name}`, () => assert.deepEqual(read(images)?.report.images, expected));
  }
});

describe("node object: cordons", () => {
  const taints = (spec: object) => read([], { spec })?.report.taints.map(({ key }) => key);

  it("F28: reads a cordon before its taint is there, and once where it is", () => {
    assert.deepEqual(taints({ unschedulable: true }), ["node.kubernetes.io/unschedulable"]);
    assert.deepEqual(taints({ unschedulable: true, taints: [{ key: "a", effect: "NoSchedule" }] }), [
      "a",
      "node.kubernetes.io/unschedulable",
    ]);
    const tainted = [{ key: "node.kubernetes.io/unschedulable", effect: "NoSchedule" }];
    assert.deepEqual(taints({ unschedulable: true, taints: tainted }), ["node.kubernetes.io/unschedulable"]);
    assert.deepEqual(taints({ unschedulable: false }), []);
  });
});

describe("node object", () => {
  it("keeps name, uid, architecture, taints and version", () => {
    const read = readNode(
      {
        metadata: { name: "n", uid: "u", resourceVersion: "7", labels: { "kubernetes.io/arch": "arm64" } },
        spec: {
          taints: [
            { key: "k", effect: "NoSchedule" },
            { key: "k", value: "v", effect: "NoExecute", timeAdded: "x" },
          ],
        },
        status: null,
      },
      createImageInterning(),
    );
    assert.deepEqual(read, {
      resourceVersion: "7",
      report: {
        name: "n",
        uid: "u",
        architecture: "arm64",
        os: null,
        labels: {},
        createdAt: null,
        notReadySince: null,
        taints: [
          { key: "k", value: "", effect: "NoSchedule" },
          { key: "k", value: "v", effect: "NoExecute" },
        ],
        images: [],
      },
    });
    assert.equal(readNode({ metadata: { name: "n", uid: "u" } }, createImageInterning())?.report.architecture, null);
  });

  it("refuses what has no name or uid", () => {
    for (const value of [null, 7, {}, { metadata: null }, { metadata: { name: "n" } }, { metadata: { uid: "u" } }]) {
      assert.equal(readNode(value, createImageInterning()), null);
    }
  });
});

describe("image interning", () => {
  it("shares equal entries, and those that differ in size not", () => {
    const interning = createImageInterning();
    assert.equal(interning.intern([A], 5), interning.intern([A], 5));
    assert.notEqual(interning.intern([A], 5), interning.intern([A], 6));
    assert.notEqual(interning.intern([A], 5), interning.intern([A, B], 5));
  });

  it("keeps what is in use from lifetime to lifetime, and lets go of the rest", () => {
    const interning = createImageInterning();
    const used = interning.intern([A], 5);
    const unused = interning.intern([B], 5);
    interning.nextEpoch();
    assert.equal(interning.intern([A], 5), used);
    interning.nextEpoch();
    assert.equal(interning.intern([A], 5), used);
    assert.notEqual(interning.intern([B], 5), unused);
  });

  it("takes no names for those of another image, however a node writes them", () => {
    const interning = createImageInterning();
    assert.deepEqual(interning.intern([`r@${A} q@${B}`], 5).digests, [B]);
    assert.deepEqual(interning.intern([`r@${A}`, `q@${B}`], 5).digests, [A, B]);
  });

  it("is bounded, and right beyond its bound", () => {
    const interning = createImageInterning(1);
    interning.intern([`r@${A}`], 1);
    assert.deepEqual(interning.intern([`r@${B}`, "r:tag"], 1), { digests: [B], sizeBytes: 1 });
    assert.notEqual(interning.intern([`r@${B}`], 1), interning.intern([`r@${B}`], 1));
  });
});
