import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ListImagesResponse__Output } from "../../../src/grpc/gen/labimages/v1/ListImagesResponse.ts";
import { ask, failure } from "../support/calls.ts";
import { fakeState, snapshotOf } from "../support/fake-state.ts";
import { imageOf, weeklies } from "../support/images.ts";
import { type RunningServer, startServer } from "../support/running-server.ts";

async function allPages({ client }: RunningServer, pageSize: number): Promise<ListImagesResponse__Output[]> {
  const pages: ListImagesResponse__Output[] = [];
  let pageToken = "";
  do {
    const page = await ask(client, client.ListImages, { pageSize, pageToken });
    pages.push(page);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return pages;
}

const tagsOf = (page: ListImagesResponse__Output) => page.images.map(({ tag }) => tag);

describe("ListImages", () => {
  test("pages through all images, with the classes on the first page alone", async (context) => {
    const images = weeklies(25);
    const running = await startServer(context, { state: fakeState(snapshotOf(1, { images })) });
    const pages = await allPages(running, 10);
    assert.deepEqual(
      pages.map((page) => page.images.length),
      [10, 10, 5],
    );
    assert.deepEqual(
      pages.flatMap(tagsOf),
      images.map(({ tag }) => tag),
    );
    assert.deepEqual(
      pages.map((page) => page.latestWeekly?.tag),
      ["w_2077_52", undefined, undefined],
    );
    assert.ok(pages.every((page) => page.images.every(({ nodes }) => nodes.length === 0)));
  });

  test("shows all four classes", async (context) => {
    const images = [
      imageOf("rec", { type: "ALIAS" }),
      imageOf("r", { type: "RELEASE" }),
      imageOf("w"),
      imageOf("d", { type: "DAILY" }),
    ];
    const [recommended] = images;
    const snapshot = snapshotOf(1, { images, ...(recommended ? { recommended } : {}) });
    const { client } = await startServer(context, { state: fakeState(snapshot) });
    const page = await ask(client, client.ListImages, {});
    assert.deepEqual(
      [page.recommended, page.latestRelease, page.latestWeekly, page.latestDaily].map((image) => image?.tag),
      ["rec", "r", "w", "d"],
    );
  });

  test("takes 0 and everything over 1,000 for 1,000", async (context) => {
    const running = await startServer(context, { state: fakeState(snapshotOf(1, { images: weeklies(1_001) })) });
    for (const pageSize of [0, 1_000, 1_001, 2_147_483_647]) {
      const pages = await allPages(running, pageSize);
      assert.deepEqual(
        pages.map((page) => page.images.length),
        [1_000, 1],
      );
    }
  });

  test("has one empty page where there is nothing", async (context) => {
    const running = await startServer(context, { state: fakeState(snapshotOf(1, { images: [] })) });
    const [page, ...others] = await allPages(running, 10);
    assert.deepEqual(others, []);
    assert.deepEqual(page?.images, []);
    assert.equal(page?.latestWeekly, null);
  });

  test("no message exceeds 3 MiB, and nothing is lost by that", async (context) => {
    const aliases = Array.from({ length: 400 }, (_, index) => `alias_${index}_${"x".repeat(100)}`);
    const images = weeklies(300).map((image) => ({ ...image, aliases }));
    const running = await startServer(context, { state: fakeState(snapshotOf(1, { images })) });
    const pages = await allPages(running, 1_000);
    assert.ok(pages.length > 1);
    assert.deepEqual(
      pages.flatMap(tagsOf),
      images.map(({ tag }) => tag),
    );
    const client = running.newClient({ "grpc.max_receive_message_length": 3 * 1_024 * 1_024 });
    assert.equal((await ask(client, client.ListImages, {})).images.length, pages[0]?.images.length);
  });

  test("goes on with the listing that it has begun while it is kept", async (context) => {
    const state = fakeState(snapshotOf(1, { images: weeklies(6) }));
    const { client } = await startServer(context, { state });
    const first = await ask(client, client.ListImages, { pageSize: 4 });
    state.current = snapshotOf(2, { images: weeklies(3) });
    const second = await ask(client, client.ListImages, { pageSize: 4, pageToken: first.nextPageToken });
    assert.equal(second.images.length, 2);
    assert.equal(second.state?.generation, 1);
    assert.equal((await ask(client, client.ListImages, {})).state?.generation, 2);
  });

  test("says SNAPSHOT_GONE when the listing is no longer kept, or was another process's", async (context) => {
    const state = fakeState(snapshotOf(1, { images: weeklies(6) }));
    const { client } = await startServer(context, { state });
    const { nextPageToken: pageToken } = await ask(client, client.ListImages, { pageSize: 4 });
    state.current = snapshotOf(2, { images: weeklies(6) });
    state.kept.clear();
    const gone = await failure(ask(client, client.ListImages, { pageToken }));
    assert.deepEqual([gone.code, gone.reason], ["ABORTED", "SNAPSHOT_GONE"]);

    const other = fakeState(snapshotOf(1, { images: weeklies(6) }));
    Object.assign(other.reader, { epoch: "epoch-2" });
    const restarted = await startServer(context, { state: other });
    const elsewhere = await failure(ask(restarted.client, restarted.client.ListImages, { pageToken }));
    assert.equal(elsewhere.reason, "SNAPSHOT_GONE");
  });

  test("turns stale on every page without a new snapshot", async (context) => {
    const state = fakeState(snapshotOf(1, { images: weeklies(6) }));
    const { client } = await startServer(context, { state });
    const before = await ask(client, client.ListImages, { pageSize: 4 });
    state.staleReason = "the cluster does not answer";
    const after = await ask(client, client.ListImages, { pageSize: 4 });
    assert.equal(after.state?.staleReason, "the cluster does not answer");
    assert.deepEqual(after.images, before.images);
    assert.equal(after.nextPageToken, before.nextPageToken);
  });
});
