import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ask, failure } from "../support/calls.ts";
import { fakeState, snapshotOf } from "../support/fake-state.ts";
import { digestOf, REGISTRY, REPOSITORY } from "../support/images.ts";
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
    const settings = { ...SETTINGS, images: { ...SETTINGS.images, source } };
    const { client } = await startServer(context, { state: fakeState(snapshotOf(1, { images: [] })), settings });
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
});
