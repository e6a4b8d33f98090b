import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { StateVersion__Output } from "../../../src/grpc/gen/labimages/v1/StateVersion.ts";
import { ask, failure } from "../support/calls.ts";
import { fakeState, snapshotOf } from "../support/fake-state.ts";
import { imageOf, weeklies } from "../support/images.ts";
import { startServer } from "../support/running-server.ts";

/** What every response to a poll has. */
interface Polled {
  readonly unchanged: boolean;
  readonly state: StateVersion__Output | null;
}

const READS = ["ResolveImage", "ListImages", "GetMenu", "ListMissingImages", "GetPrepullStatus"] as const;

describe("polling", () => {
  for (const method of READS) {
    test(`${method} of what the caller has is unchanged, and of another snapshot or process it is not`, async (context) => {
      const image = imageOf("w_2077_43");
      const state = fakeState(snapshotOf(3, { images: [image] }));
      const { client } = await startServer(context, { state });
      const request = method === "ResolveImage" ? { tag: "w_2077_43" } : {};
      const read = (known: object) => ask<object, Polled>(client, client[method], { ...request, ...known });
      const whole = await read({});
      assert.equal(whole.unchanged, false);
      const { epoch = "" } = whole.state ?? {};
      const known = { knownEpoch: epoch, knownGeneration: 3 };
      const { unchanged, state: version, ...rest } = await read(known);
      assert.deepEqual([unchanged, version?.generation], [true, 3]);
      for (const value of Object.values(rest)) assert.ok(value === null || value === "" || isEmptyList(value));
      assert.equal((await read({ ...known, knownGeneration: 2 })).unchanged, false);
      assert.equal((await read({ ...known, knownEpoch: "another" })).unchanged, false);
      state.current = snapshotOf(4, { images: [image] });
      assert.equal((await read(known)).unchanged, false);
    });
  }

  test("a status that has changed under one snapshot is sent", async (context) => {
    const state = fakeState(snapshotOf(1, { images: [] }));
    const { client } = await startServer(context, { state });
    const { state: version } = await ask(client, client.GetPrepullStatus, {});
    const known = { knownEpoch: version?.epoch ?? "", knownGeneration: 1 };
    assert.equal((await ask(client, client.GetPrepullStatus, known)).unchanged, true);
    state.sources = state.sources.map((source) => ({ ...source, ok: false, reason: "it is down" }));
    for (let time = 0; time < 2; time++) {
      assert.equal((await ask(client, client.GetPrepullStatus, known)).unchanged, false);
    }
  });

  test("a page that continues is sent, whatever the caller has", async (context) => {
    const state = fakeState(snapshotOf(1, { images: weeklies(3) }));
    const { client } = await startServer(context, { state });
    const first = await ask(client, client.ListImages, { pageSize: 2 });
    const known = { knownEpoch: first.state?.epoch ?? "", knownGeneration: 1 };
    const second = await ask(client, client.ListImages, { pageSize: 2, pageToken: first.nextPageToken, ...known });
    assert.deepEqual([second.unchanged, second.images.length], [false, 1]);
  });

  test("G6: an epoch without generation, and a generation without epoch, are refused", async (context) => {
    const { client } = await startServer(context, { state: fakeState(snapshotOf(1, { images: [] })) });
    const alone = await failure(ask(client, client.GetMenu, { knownEpoch: "e" }));
    assert.deepEqual([alone.reason, alone.fields], ["INVALID_ARGUMENT", ["known_generation"]]);
    const other = await failure(ask(client, client.GetMenu, { knownGeneration: 1 }));
    assert.deepEqual([other.reason, other.fields], ["INVALID_ARGUMENT", ["known_epoch"]]);
  });
});

function isEmptyList(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}
