import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Taint, Toleration } from "../../src/domain/nodes/node-report.ts";
import { judgeTaints } from "../../src/domain/nodes/toleration.ts";

const GPU: Taint = { key: "gpu", value: "yes", effect: "NoSchedule" };
const EVICTING: Taint = { ...GPU, effect: "NoExecute" };

function tolerated(taint: Taint, toleration: Toleration): boolean {
  return judgeTaints([taint], [toleration]).eligible;
}

test("a node without taints is eligible, and so is one that only asks to be avoided", () => {
  assert.deepEqual(judgeTaints([], []), { eligible: true, comment: null });
  assert.ok(judgeTaints([{ ...GPU, effect: "PreferNoSchedule" }], []).eligible);
});

test("the comment names the first taint that is not tolerated", () => {
  const taints = [GPU, { key: "a", value: "", effect: "NoExecute" }, { key: "b", value: "c", effect: "NoSchedule" }];
  assert.equal(judgeTaints(taints, []).comment, "Node is tainted (NoSchedule, gpu = yes)");
  assert.equal(judgeTaints(taints, [{ key: "gpu", operator: "Exists" }]).comment, "Node is tainted (NoExecute, a)");
});

test("Exists tolerates its key, or every key where it names none", () => {
  assert.ok(tolerated(GPU, { operator: "Exists", key: "gpu" }));
  assert.ok(tolerated(GPU, { operator: "Exists" }));
  assert.ok(tolerated(GPU, { operator: "Exists", key: "" }));
  assert.ok(!tolerated(GPU, { operator: "Exists", key: "cpu" }));
});

test("Equal is the default, and tolerates its key with its value", () => {
  for (const operator of ["Equal", "", undefined]) {
    assert.ok(tolerated(GPU, { operator, key: "gpu", value: "yes" }));
    assert.ok(!tolerated(GPU, { operator, key: "gpu", value: "no" }));
    assert.ok(!tolerated(GPU, { operator, key: "gpu" }));
    assert.ok(!tolerated(GPU, { operator, value: "yes" }));
  }
  assert.ok(tolerated({ ...GPU, value: "" }, { key: "gpu" }));
  assert.ok(!tolerated(GPU, { operator: "Gt", key: "gpu", value: "yes" }));
});

test("an effect that is given must be the taint's", () => {
  assert.ok(tolerated(GPU, { operator: "Exists", effect: "NoSchedule" }));
  assert.ok(tolerated(GPU, { operator: "Exists", effect: "" }));
  assert.ok(!tolerated(GPU, { operator: "Exists", effect: "NoExecute" }));
});

test("a toleration for some seconds does not tolerate eviction", () => {
  for (const tolerationSeconds of [-1, 0, 300]) {
    assert.ok(!tolerated(EVICTING, { operator: "Exists", tolerationSeconds }));
    assert.ok(tolerated(GPU, { operator: "Exists", tolerationSeconds }));
  }
  assert.ok(tolerated(EVICTING, { operator: "Exists", tolerationSeconds: undefined }));
});

test("one more toleration never makes a node ineligible", () => {
  const name = fc.constantFrom("", "a", "b");
  const effect = fc.constantFrom("NoSchedule", "NoExecute", "PreferNoSchedule");
  const taint = fc.record({ key: name, value: name, effect });
  const toleration = fc.record(
    { key: name, value: name, effect, operator: fc.constantFrom("Exists", "Equal"), tolerationSeconds: fc.nat(9) },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(fc.array(taint), fc.array(toleration), toleration, (taints, tolerations, more) => {
      const { eligible, comment } = judgeTaints(taints, tolerations);
      assert.equal(comment === null, eligible);
      if (eligible) assert.ok(judgeTaints(taints, [more, ...tolerations]).eligible);
      assert.ok(judgeTaints(taints, [{ operator: "Exists" }]).eligible);
    }),
  );
});
