import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ask, failure } from "../support/calls.ts";
import { fakeState, snapshotOf } from "../support/fake-state.ts";
import { weeklies } from "../support/images.ts";
import { startServer } from "../support/running-server.ts";

const lacking = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ node: `node-${index}`, images: weeklies((index % 3) + 1) }));

describe("ListMissingImages", () => {
  test("pages through the nodes, each with its images in order", async (context) => {
    const missing = lacking(7);
    const { client } = await startServer(context, { state: fakeState(snapshotOf(1, { images: [], missing })) });
    const first = await ask(client, client.ListMissingImages, { pageSize: 4 });
    const second = await ask(client, client.ListMissingImages, { pageSize: 4, pageToken: first.nextPageToken });
    assert.equal(second.nextPageToken, "");
    assert.deepEqual(
      [...first.nodes, ...second.nodes].map(({ node, images }) => [node, images.map(({ tag }) => tag)]),
      missing.map(({ node, images }) => [node, images.map(({ tag }) => tag)]),
    );
    assert.equal(second.state?.generation, 1);
  });

  test("answers for one node alone, and with nothing for a node that lacks nothing or is not known", async (context) => {
    const state = fakeState(snapshotOf(1, { images: [], missing: lacking(7) }));
    const { client } = await startServer(context, { state });
    for (const node of ["node-2", "node-5", "node-2"]) {
      const { nodes, nextPageToken } = await ask(client, client.ListMissingImages, { node, pageSize: 1 });
      assert.deepEqual(
        nodes.map((entry) => [entry.node, entry.images.length]),
        [[node, 3]],
      );
      assert.equal(nextPageToken, "");
    }
    for (const node of ["node-99", "constructor"]) {
      const { nodes, state: version } = await ask(client, client.ListMissingImages, { node });
      assert.deepEqual(nodes, []);
      assert.equal(version?.generation, 1);
    }
  });

  test("gives a node that lacks very many images several entries in a row", async (context) => {
    const images = weeklies(2_500);
    const missing = [{ node: "node-1", images }, ...lacking(1)];
    const { client } = await startServer(context, { state: fakeState(snapshotOf(1, { images: [], missing })) });
    const { nodes } = await ask(client, client.ListMissingImages, { node: "node-1" });
    assert.deepEqual(
      nodes.map((entry) => [entry.node, entry.images.length]),
      [
        ["node-1", 1_000],
        ["node-1", 1_000],
        ["node-1", 500],
      ],
    );
    assert.deepEqual(
      nodes.flatMap((entry) => entry.images.map(({ tag }) => tag)),
      images.map(({ tag }) => tag),
    );
  });

  test("a token of all nodes does not go on with one node", async (context) => {
    const { client } = await startServer(context, {
      state: fakeState(snapshotOf(1, { images: [], missing: lacking(7) })),
    });
    const { nextPageToken: pageToken } = await ask(client, client.ListMissingImages, { pageSize: 4 });
    assert.deepEqual((await failure(ask(client, client.ListMissingImages, { node: "node-1", pageToken }))).fields, [
      "node",
    ]);
  });
});
