import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ask, failure } from "../support/calls.ts";
import { fakeState, snapshotOf } from "../support/fake-state.ts";
import { digestOf, REGISTRY, REPOSITORY } from "../support/images.ts";
import { startServer } from "../support/running-server.ts";

const OURS = `${REGISTRY}/${REPOSITORY}:w@${digestOf(4)}`;

describe("ReportPrepull", () => {
  test("passes on what an outside prepuller reports", async (context) => {
    const state = fakeState(snapshotOf(1, { images: [] }));
    const { client } = await startServer(context, { state });
    const { applied, state: version } = await ask(client, client.ReportPrepull, {
      reference: OURS,
      node: "n1",
      prepullState: "PREPULL_STATE_FAILED",
      reason: "ErrImagePull",
      message: "no space left on device",
    });
    assert.deepEqual([applied, version?.generation], [true, 1]);
    const words = { reason: "ErrImagePull", message: "no space left on device", failureClass: "disk-full" };
    assert.deepEqual(state.reports, [{ digest: digestOf(4), node: "n1", state: "FAILED", ...words }]);
  });

  test("ignores another repository without error", async (context) => {
    const state = fakeState(snapshotOf(1, { images: [] }));
    const { client } = await startServer(context, { state });
    const report = { node: "n1", prepullState: "PREPULL_STATE_PULLING" } as const;
    const reference = `${REGISTRY}/other@${digestOf(4)}`;
    assert.equal((await ask(client, client.ReportPrepull, { ...report, reference })).applied, false);
    assert.deepEqual(state.reports, []);
  });

  test("says what is wrong with a report", async (context) => {
    const { client } = await startServer(context, { state: fakeState(snapshotOf(1, { images: [] })) });
    const good = { reference: OURS, node: "n1", prepullState: "PREPULL_STATE_PULLING" } as const;
    for (const [change, field] of [
      [{ reference: `${REGISTRY}/${REPOSITORY}:w` }, "reference"],
      [{ node: "" }, "node"],
      [{ prepullState: "PREPULL_STATE_UNSPECIFIED" }, "prepull_state"],
      [{ prepullState: 42 as never }, "prepull_state"],
      [{ reason: "r".repeat(257) }, "reason"],
      [{ message: "m".repeat(1_025) }, "message"],
      [{ message: "\u0007" }, "message"],
    ] as const) {
      const told = await failure(ask(client, client.ReportPrepull, { ...good, ...change }));
      assert.equal(told.code, "INVALID_ARGUMENT", field);
      assert.deepEqual(told.fields, [field]);
    }
  });

  test("says NOT_READY before the first snapshot", async (context) => {
    const { client } = await startServer(context);
    const report = { reference: OURS, node: "n1", prepullState: "PREPULL_STATE_PULLING" } as const;
    assert.equal((await failure(ask(client, client.ReportPrepull, report))).reason, "NOT_READY");
  });
});
