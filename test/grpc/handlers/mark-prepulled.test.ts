import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { catalogOf, imageSettings } from "../../support/image-world.ts";
import { ask, failure } from "../support/calls.ts";
import { fakeState, snapshotOf } from "../support/fake-state.ts";
import { digestOf, imageOf, REGISTRY, REPOSITORY } from "../support/images.ts";
import { SETTINGS, startServer } from "../support/running-server.ts";

const OURS = `${REGISTRY}/${REPOSITORY}`;

describe("MarkPrepulled", () => {
  test("marks by digest, with or without tag, and answers with the state that shows it", async (context) => {
    const state = fakeState(snapshotOf(1, { images: [] }));
    state.overrides.markPrepulled = (digest, node) => {
      state.marks.push({ digest, node });
      state.current = snapshotOf(state.marks.length + 1, { images: [] });
      return node !== "gone";
    };
    const { client } = await startServer(context, { state });
    const tagged = await ask(client, client.MarkPrepulled, { reference: `${OURS}:w@${digestOf(4)}`, node: "n1" });
    assert.deepEqual([tagged.applied, tagged.state?.generation], [true, 2]);
    const bare = await ask(client, client.MarkPrepulled, { reference: `${OURS}@${digestOf(5)}`, node: "gone" });
    assert.deepEqual([bare.applied, bare.state?.generation], [false, 3]);
    assert.deepEqual(state.marks, [
      { digest: digestOf(4), node: "n1" },
      { digest: digestOf(5), node: "gone" },
    ]);
  });

  test("ignores another repository without error", async (context) => {
    const state = fakeState(snapshotOf(1, { images: [] }));
    const { client } = await startServer(context, { state });
    for (const other of [`${REGISTRY}/other`, `other.example.org/${REPOSITORY}`]) {
      const { applied } = await ask(client, client.MarkPrepulled, { reference: `${other}@${digestOf(4)}`, node: "n1" });
      assert.equal(applied, false);
    }
    assert.deepEqual(state.marks, []);
  });

  test("knows the repository of a Google source", async (context) => {
    const source = { type: "google", location: "us", projectId: "p", repository: "r", image: "i" } as const;
    const catalogs = [catalogOf(imageSettings({ source }), [])];
    const state = fakeState({ ...snapshotOf(1, { images: [] }), catalogs });
    const { client } = await startServer(context, { state });
    for (const [repository, applied] of [
      ["us-docker.pkg.dev/p/r/i", true],
      ["us-docker.pkg.dev/p/r/j", false],
      ["eu-docker.pkg.dev/p/r/i", false],
    ] as const) {
      const answer = await ask(client, client.MarkPrepulled, { reference: `${repository}@${digestOf(1)}`, node: "n" });
      assert.equal(answer.applied, applied, repository);
    }
  });

  test("says NOT_READY before the first snapshot", async (context) => {
    const { client, state } = await startServer(context);
    const told = await failure(ask(client, client.MarkPrepulled, { reference: `${OURS}@${digestOf(1)}`, node: "n" }));
    assert.equal(told.reason, "NOT_READY");
    assert.deepEqual(state.marks, []);
  });

  test("says why a mark or a report changed nothing", async (context) => {
    const entry = { image: imageOf("w", { digest: digestOf(4) }), nodes: [], missing: [] };
    const node = { name: "n1", eligible: true, comment: null, cached: [], imagesTruncated: false };
    const prepullImages = { prepulled: [], pending: [entry] };
    const state = fakeState(snapshotOf(1, { images: [], prepullImages, nodes: [node] }));
    state.overrides.markPrepulled = () => false;
    state.overrides.reportPrepull = () => false;
    const { client } = await startServer(context, { state, settings: { ...SETTINGS, prepullerEnabled: true } });
    const mark = async (repository: string, digest: number, name: string) =>
      (await ask(client, client.MarkPrepulled, { reference: `${repository}@${digestOf(digest)}`, node: name }))
        .notAppliedReason;
    assert.equal(await mark(`${REGISTRY}/other`, 4, "n1"), "NOT_APPLIED_REASON_OTHER_REPOSITORY");
    assert.equal(await mark(OURS, 5, "n1"), "NOT_APPLIED_REASON_NOT_WANTED");
    assert.equal(await mark(OURS, 4, "gone"), "NOT_APPLIED_REASON_UNKNOWN_NODE");
    assert.equal(await mark(OURS, 4, "n1"), "NOT_APPLIED_REASON_NOT_MISSING");
    const report = { reference: `${OURS}@${digestOf(4)}`, node: "n1" };
    const pulling = await ask(client, client.ReportPrepull, { ...report, prepullState: "PREPULL_STATE_PULLING" });
    assert.equal(pulling.notAppliedReason, "NOT_APPLIED_REASON_BUILT_IN_PREPULLER");
    state.overrides.markPrepulled = () => true;
    assert.equal(await mark(OURS, 4, "n1"), "NOT_APPLIED_REASON_UNSPECIFIED");
  });
});
