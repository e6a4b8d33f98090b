import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type ShiftableClock, shiftableClock } from "./support/clocks.ts";
import { type Peers, startPeers } from "./support/peers.ts";
import { type Service, startReadyService, tagsOf } from "./support/service.ts";

/** For how long a replaced listing is kept (docs/spec/api.md, Paging), milliseconds. */
const KEPT_FOR_MS = 60_000;
const GONE = { code: "ABORTED", reason: "SNAPSHOT_GONE" };
const BUILDS = 25;

async function withBuilds(check: (service: Service, peers: Peers, clock: ShiftableClock) => Promise<void>) {
  await using peers = await startPeers();
  for (let build = 0; build < BUILDS; build++) peers.push(`w_2077_${10 + build}`);
  for (let node = 0; node < 5; node++) peers.setNode(`node-${node}`);
  const clock = shiftableClock();
  await using service = await startReadyService(peers.config(), { clock });
  await check(service, peers, clock);
}

/** All pages from this token on, and the generations that they came from. */
async function readOn({ client }: Service, pageToken: string, pageSize = 10) {
  const tags: string[] = [];
  const generations = new Set<number>();
  for (let token = pageToken; token !== ""; ) {
    const page = await client.call("ListImages", { pageSize, pageToken: token });
    assert.ok(page.images.length <= pageSize);
    tags.push(...tagsOf(page.images));
    generations.add(page.state.generation);
    token = page.nextPageToken;
  }
  return { tags, generations: [...generations] };
}

describe("paging", { concurrency: true }, () => {
  test("the pages are the whole, in order, also where a refresh replaces it half-way", () =>
    withBuilds(async (service, peers) => {
      const whole = tagsOf((await service.client.call("ListImages", {})).images);
      const first = await service.client.call("ListImages", { pageSize: 10 });
      peers.push("w_2077_50");
      const { state } = await service.client.call("Refresh", {});
      assert.ok(state.generation > first.state.generation);
      const rest = await readOn(service, first.nextPageToken);
      assert.deepEqual([...tagsOf(first.images), ...rest.tags], whole);
      assert.deepEqual(rest.generations, [first.state.generation]);
      const anew = await service.client.call("ListImages", { pageSize: 10 });
      assert.equal(anew.images[0]?.tag, "w_2077_50");
    }));

  test("a listing is kept for a minute after it is replaced, and gone then: start over", () =>
    withBuilds(async (service, _peers, clock) => {
      const { nextPageToken } = await service.client.call("ListImages", { pageSize: 10 });
      clock.shift(2 * KEPT_FOR_MS);
      assert.equal((await readOn(service, nextPageToken)).tags.length, BUILDS - 10, "it is the current one still");
      await service.client.call("Refresh", {});
      clock.shift(KEPT_FOR_MS / 2);
      assert.equal((await readOn(service, nextPageToken)).tags.length, BUILDS - 10);
      clock.shift(KEPT_FOR_MS / 2 + 1);
      await assert.rejects(readOn(service, nextPageToken), GONE);
    }));

  test("F53b: a token lives its minute also where hundreds of marks each make a new listing", () =>
    withBuilds(async ({ client }, peers, clock) => {
      const first = await client.call("ListMissingImages", { pageSize: 3 });
      const generations = new Set<number>();
      for (let round = 0; generations.size < 200; round++) {
        // A node that is made again has lost its marks, so the next ones change something.
        const name = `node-${round % 5}`;
        peers.cluster.deleteNode(name);
        peers.setNode(name);
        for (const build of [BUILDS - 1, BUILDS - 2]) {
          const reference = peers.pullReference(`w_2077_${10 + build}`);
          await client.call("MarkPrepulled", { reference, node: name });
          const { state, nextPageToken } = await client.call("ListImages", { pageSize: 10 });
          assert.notEqual(nextPageToken, "");
          generations.add(state.generation);
        }
        clock.shift(100);
      }
      const rest = await client.call("ListMissingImages", { pageSize: 3, pageToken: first.nextPageToken });
      assert.equal(rest.state.generation, first.state.generation);
    }));

  test("a token of another process is of a snapshot that is gone", () =>
    withBuilds(async (service, peers) => {
      const { nextPageToken } = await service.client.call("ListImages", { pageSize: 10 });
      await using other = await startReadyService(peers.config());
      await assert.rejects(readOn(other, nextPageToken), GONE);
    }));

  test("nodes are paged in both of their lists", () =>
    withBuilds(async ({ client }) => {
      const first = await client.call("ListMissingImages", { pageSize: 3 });
      const second = await client.call("ListMissingImages", { pageSize: 3, pageToken: first.nextPageToken });
      const nodes = [...first.nodes, ...second.nodes].map(({ node }) => node);
      assert.deepEqual(nodes, ["node-0", "node-1", "node-2", "node-3", "node-4"]);
      assert.equal(second.nextPageToken, "");
      const status = await client.call("GetPrepullStatus", { pageSize: 4 });
      const rest = await client.call("GetPrepullStatus", { pageSize: 4, pageToken: status.nextPageToken });
      assert.deepEqual([status.status.nodes.length, rest.status.nodes.length], [4, 1]);
      assert.deepEqual([status.status.sources.length, rest.status.sources.length], [2, 0]);
    }));

  test("tokens of another listing, forged ones and negative sizes are refused", () =>
    withBuilds(async ({ client }) => {
      const { nextPageToken } = await client.call("ListImages", { pageSize: 10 });
      const refusal = { code: "INVALID_ARGUMENT", fields: ["page_token"] };
      await assert.rejects(client.call("ListMissingImages", { pageToken: nextPageToken }), refusal);
      await assert.rejects(client.call("ListImages", { pageToken: "forged" }), refusal);
      await assert.rejects(client.call("ListImages", { pageSize: -1 }), { fields: ["page_size"] });
    }));
});
