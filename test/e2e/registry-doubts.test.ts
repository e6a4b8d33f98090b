import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { eventually } from "../support/eventually.ts";
import { fastClock } from "./support/clocks.ts";
import { type Peers, startPeers } from "./support/peers.ts";
import { type Service, startReadyService } from "./support/service.ts";

const TAGS = ["r29_0_0", "w_2077_42", "w_2077_41", "d_2077_10_23"];

/** A registry with a few builds, and one node without images. */
async function startFilledPeers(): Promise<Peers> {
  const peers = await startPeers();
  for (const tag of TAGS) peers.push(tag);
  peers.push("recommended", "w_2077_42");
  peers.setNode("alder");
  return peers;
}

/** Lets the registry answer one request in its place. */
function answer(peers: Peers, isMeant: (method: string, url: string) => boolean, status: number, body = ""): void {
  peers.registry.behaviour.intercept = ({ method = "", url = "" }, response) => {
    if (!isMeant(method, url)) return false;
    response.writeHead(status, { "content-type": "application/json" }).end(method === "HEAD" ? undefined : body);
    return true;
  };
}

/** Every tag of the prepull set with its digest, and what the status says of the registry. */
async function seen({ client }: Service) {
  const { status, state } = await client.call("GetPrepullStatus", {});
  const source = status.sources.find(({ name }) => name === "registry");
  const digests = [...status.prepulled, ...status.pending].map(({ image }) => [image?.tag, image?.digest]);
  const problems = status.problems.map(({ problemReason }) => problemReason);
  return { digests: new Map(digests as [string, string][]), source, problems, stale: state.stale };
}

const OTHER_DENIAL = '{"errors":[{"code":"DENIED"}]}';

describe("what a registry says of one tag", { concurrency: true }, () => {
  for (const code of [403, 412]) {
    test(`F8: ${code} for one tag at a start: the service is ready, and the status names tag and answer`, async () => {
      await using peers = await startFilledPeers();
      answer(peers, (_, url) => url.endsWith("/manifests/r29_0_0"), code, OTHER_DENIAL);
      await using service = await startReadyService(peers.config());
      const { digests, source, problems, stale } = await seen(service);
      assert.equal(digests.get("r29_0_0"), "");
      assert.equal(digests.get("w_2077_41"), peers.pullReference("w_2077_41").split("@")[1]);
      assert.equal(source?.ok, true);
      assert.equal(source?.reason, `the registry does not give out r29_0_0 (answers ${code})`);
      assert.equal(stale, false);
      assert.deepEqual(problems, ["PROBLEM_REASON_TAGS_WITHHELD"]);
      await eventually(() => assert.equal(service.log.filter(({ alert }) => alert !== undefined).length, 1));
    });
  }

  test("F8: it keeps its digest while new tags show, and the reason goes when it does", async () => {
    await using peers = await startFilledPeers();
    await using service = await startReadyService(peers.config());
    const digest = (await seen(service)).digests.get("r29_0_0");
    answer(peers, (_, url) => url.endsWith("/manifests/r29_0_0"), 412, OTHER_DENIAL);
    peers.push("w_2077_43");
    await service.client.call("Refresh", {});
    const during = await seen(service);
    assert.equal(during.digests.get("r29_0_0"), digest);
    assert.equal(during.digests.get("w_2077_43"), peers.pullReference("w_2077_43").split("@")[1]);
    peers.registry.behaviour.intercept = null;
    await service.client.call("Refresh", {});
    const { source, problems } = await seen(service);
    assert.deepEqual([source?.ok, source?.reason, problems], [true, "", []]);
  });

  test("F8: a 5xx fails the refresh and names the tag, until the third refresh running", async () => {
    await using peers = await startFilledPeers();
    await using service = await startReadyService(peers.config());
    answer(peers, (_, url) => url.endsWith("/manifests/r29_0_0"), 500);
    peers.push("w_2077_43");
    await assert.rejects(service.client.call("Refresh", {}), /tag r29_0_0: .* answers 500/);
    const { source, stale } = await seen(service);
    assert.deepEqual([source?.ok, stale], [false, true]);
    assert.match(source?.reason ?? "", /^tag r29_0_0: .* answers 500$/);
    await eventually(async () => assert.equal((await seen(service)).stale, false), { withinMs: 30_000 });
    const later = await seen(service);
    assert.match(later.source?.reason ?? "", /give out r29_0_0 \(fails in 3 refreshes running: .* answers 500\)$/);
    assert.ok(later.digests.has("w_2077_43"));
  });
});

describe("a registry that hangs", { concurrency: true }, () => {
  test("F15: the status shows since when it is asked, and that it fails after its deadline", async () => {
    await using peers = await startFilledPeers();
    await using service = await startReadyService(peers.config(), { clock: fastClock(20) });
    const before = Date.now() / 1_000;
    peers.registryProxy.setFault({ kind: "half-open", applyToOpen: true });
    const refreshed = service.client.call("Refresh", {}).then(
      () => "succeeded",
      () => "failed",
    );
    await eventually(async () => {
      const { source } = await seen(service);
      assert.ok(Number(source?.refreshStartTime?.seconds) >= Math.floor(before) - 5);
      assert.deepEqual([source?.ok, source?.reason], [true, ""]);
    });
    assert.equal(await refreshed, "failed");
    const { source, stale } = await seen(service);
    assert.deepEqual([source?.ok, stale], [false, true]);
    assert.match(source?.reason ?? "", /does not answer within 30 s$/);
    const listed = peers.registry.requests.length;
    peers.registryProxy.setFault(null);
    peers.registryProxy.cutAll();
    await eventually(async () => assert.equal((await seen(service)).stale, false), { withinMs: 15_000 });
    assert.ok(peers.registry.requests.length > listed);
  });
});

describe("absence is proven", { concurrency: true }, () => {
  test("F2: a registry whose HEADs are 404 loses no tag", async () => {
    await using peers = await startFilledPeers();
    answer(peers, (method) => method === "HEAD", 404);
    await using service = await startReadyService(peers.config());
    const { digests, source } = await seen(service);
    assert.equal(digests.size, TAGS.length);
    for (const [tag, digest] of digests) assert.equal(digest, peers.pullReference(tag).split("@")[1]);
    assert.deepEqual([source?.ok, source?.reason], [true, ""]);
  });

  test("F23: `tags: null` once changes nothing, and for ever it is a failure while the tags are there", async () => {
    await using peers = await startFilledPeers();
    await using service = await startReadyService(peers.config());
    let nulls = 1;
    answer(peers, (_, url) => url.includes("/tags/list") && nulls-- > 0, 200, '{"name":"x","tags":null}');
    await service.client.call("Refresh", {});
    assert.equal((await seen(service)).digests.size, TAGS.length);
    nulls = Number.POSITIVE_INFINITY;
    await assert.rejects(
      service.client.call("Refresh", {}),
      /lists 0 tags without .*, which it has: the list may be cut/,
    );
    const { digests, stale } = await seen(service);
    assert.deepEqual([digests.size, stale], [TAGS.length, true]);
  });

  test("F23: a repository that is emptied on purpose is empty after one refresh", async () => {
    await using peers = await startFilledPeers();
    await using service = await startReadyService(peers.config());
    for (const tag of [...TAGS, "recommended"]) peers.remove(tag);
    await service.client.call("Refresh", {});
    const { digests, source } = await seen(service);
    assert.deepEqual([digests.size, source?.ok], [0, true]);
  });

  test("F3: a list that may be cut is a failing source, and the last answers stay", async () => {
    await using peers = await startFilledPeers();
    await using service = await startReadyService(peers.config());
    Object.assign(peers.registry.behaviour, { link: "none", last: "ignored", pageSize: 100 });
    for (let index = 0; index < 120; index += 1) peers.push(`a${index}`);
    await assert.rejects(service.client.call("Refresh", {}), /lists 100 tags .*: the list may be cut/);
    const { digests, source } = await seen(service);
    assert.deepEqual([digests.size, source?.ok], [TAGS.length, false]);
  });
});
