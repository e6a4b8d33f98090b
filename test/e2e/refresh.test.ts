import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { eventually } from "../support/eventually.ts";
import { fastClock } from "./support/clocks.ts";
import { type Peers, startPeers } from "./support/peers.ts";
import { missingTags, nextOpening, openGate, type Service, startReadyService, tagsOf } from "./support/service.ts";

const LATENCY_MS = 200;

/** A registry with a few builds, and one node without images. */
async function startFilledPeers(): Promise<Peers> {
  const peers = await startPeers();
  for (const tag of ["r29_0_0", "w_2077_42", "w_2077_41", "d_2077_10_23"]) peers.push(tag);
  peers.push("recommended", "w_2077_42");
  peers.setNode("alder");
  return peers;
}

async function tagOf({ client }: Service, tag: string): Promise<string> {
  return (await client.call("ResolveImage", { tag })).image.pullReference;
}

/** How many times the registry was listed; the first pages count. */
function listings({ registry }: Peers): number {
  return registry.requests.filter(({ path }) => /\/tags\/list(?!.*last=)/.test(path)).length;
}

/** Slows the registry's answers down; what is asked is seen there at once. */
function slowDown({ registryProxy }: Peers): void {
  registryProxy.setFault({ kind: "latency", milliseconds: LATENCY_MS, applyToOpen: true });
}

/** Demands a refresh and waits until it has begun to list the registry; its own end is still to come. */
async function beginRefresh(peers: Peers, { client }: Service) {
  const before = listings(peers);
  const end = client.call("Refresh", {});
  end.catch(() => undefined);
  await eventually(() => assert.ok(listings(peers) > before));
  return { end };
}

describe("Refresh", { concurrency: true }, () => {
  test("a demand during a refresh waits for one that starts later, and demands share it", async () => {
    await using peers = await startFilledPeers();
    await using service = await startReadyService(peers.config());
    slowDown(peers);
    const before = listings(peers);
    const first = await beginRefresh(peers, service);
    peers.push("w_2077_43");
    const later = await Promise.all([service.client.call("Refresh", {}), service.client.call("Refresh", {})]);
    const { state } = await first.end;
    assert.deepEqual(
      later.map(({ state: { generation } }) => generation),
      [state.generation + 1, state.generation + 1],
    );
    assert.equal(listings(peers) - before, 2);
    const { latestWeekly } = await service.client.call("ListImages", {});
    assert.equal(latestWeekly?.tag, "w_2077_43");
  });

  test("a demand fails with the error of its own refresh, not of the one before", async () => {
    await using peers = await startFilledPeers();
    await using service = await startReadyService(peers.config());
    slowDown(peers);
    peers.registry.behaviour.intercept = (_request, response) => {
      response.writeHead(403).end();
      return true;
    };
    const first = await beginRefresh(peers, service);
    peers.registry.behaviour.intercept = null;
    const second = service.client.call("Refresh", {});
    await assert.rejects(first.end, { code: "FAILED_PRECONDITION", reason: "REGISTRY_DENIED" });
    assert.equal((await second).state.stale, false);
  });

  test("one demand after the other is met", async () => {
    await using peers = await startFilledPeers();
    await using service = await startReadyService(peers.config());
    for (const tag of ["w_2077_43", "w_2077_44"]) {
      peers.push(tag);
      await service.client.call("Refresh", {});
      assert.equal((await service.client.call("ListImages", {})).latestWeekly?.tag, tag);
    }
  });

  test("goes on when its caller has gone", async () => {
    await using peers = await startFilledPeers();
    await using service = await startReadyService(peers.config());
    slowDown(peers);
    peers.push("w_2077_43");
    await assert.rejects(service.client.call("Refresh", {}, LATENCY_MS / 2), { code: "DEADLINE_EXCEEDED" });
    await eventually(async () => {
      assert.equal((await service.client.call("ListImages", {})).latestWeekly?.tag, "w_2077_43");
    });
  });

  test("happens by itself when the interval has passed", async () => {
    await using peers = await startFilledPeers();
    await using service = await startReadyService(peers.config({ images: { refreshInterval: "0.2s" } }));
    const gate = await openGate(service);
    await gate.next();
    peers.push("w_2077_43");
    assert.deepEqual(await nextOpening(gate), ["SCHEDULED", 0]);
    await eventually(async () => {
      assert.equal((await service.client.call("ListImages", {})).latestWeekly?.tag, "w_2077_43");
    });
  });
});

describe("what a refresh finds at the registry", { concurrency: true }, () => {
  test("a tag that moves is followed; one outside the prepull set at once, since it is never kept", async () => {
    await using peers = await startFilledPeers();
    peers.push("sketch");
    await using service = await startReadyService(peers.config());
    peers.push("recommended", "w_2077_41");
    await service.client.call("Refresh", {});
    assert.equal(await tagOf(service, "recommended"), peers.pullReference("recommended"));
    await tagOf(service, "sketch");
    peers.push("sketch", "another sketch");
    assert.equal(await tagOf(service, "sketch"), peers.pullReference("sketch"));
  });

  test("a tag that vanishes before its digest is asked for is left out; the others are unharmed", async () => {
    await using peers = await startFilledPeers();
    await using service = await startReadyService(peers.config());
    peers.registry.behaviour.intercept = ({ method, url }) => {
      if (method === "HEAD" && url?.endsWith("/w_2077_42") === true) peers.remove("w_2077_42");
      return false;
    };
    const { state } = await service.client.call("Refresh", {});
    assert.equal(state.stale, false);
    await assert.rejects(tagOf(service, "w_2077_42"), { code: "NOT_FOUND" });
    assert.equal(await tagOf(service, "w_2077_41"), peers.pullReference("w_2077_41"));
    assert.equal(service.log.filter(({ level, msg }) => level === "warn" && msg.includes("vanished")).length, 1);
  });

  test("a tag outside the prepull set that has gone is unknown; while the registry is down it is unavailable", async () => {
    await using peers = await startFilledPeers();
    peers.push("sketch");
    peers.push("another_sketch");
    await using service = await startReadyService(peers.config(), { clock: fastClock(5) });
    peers.remove("sketch");
    await assert.rejects(tagOf(service, "sketch"), { code: "NOT_FOUND", reason: "UNKNOWN_IMAGE" });
    peers.registryProxy.setFault({ kind: "refuse", applyToOpen: true });
    const failure = { code: "UNAVAILABLE", reason: "REGISTRY_UNAVAILABLE" };
    await assert.rejects(tagOf(service, "another_sketch"), failure);
  });
});

describe("while a source is down", { concurrency: true }, () => {
  test("the registry: the last images answer, stale with the reason, the nodes go on, and all heals", async () => {
    await using peers = await startFilledPeers();
    await using service = await startReadyService(peers.config(), { clock: fastClock(5) });
    const { client } = service;
    peers.registryProxy.setFault({ kind: "refuse", applyToOpen: true });
    await assert.rejects(client.call("Refresh", {}), { code: "UNAVAILABLE", reason: "REGISTRY_UNAVAILABLE" });
    const { state, images } = await client.call("ListImages", {});
    assert.equal(state.stale, true);
    assert.ok(state.staleReason.includes(peers.place.split("/")[0] ?? ""), state.staleReason);
    assert.equal(images.length, 5);
    peers.setNode("beech", ["w_2077_42", "r29_0_0", "d_2077_10_23"]);
    await eventually(async () => assert.deepEqual((await missingTags(service))["beech"], ["w_2077_41"]));
    const { status } = await client.call("GetPrepullStatus", {});
    assert.deepEqual(
      status.sources.map(({ name, ok }) => [name, ok]),
      [
        ["registry", false],
        ["kubernetes", true],
      ],
    );
    peers.push("w_2077_43");
    peers.registryProxy.setFault(null);
    await eventually(
      async () => {
        const healed = await client.call("ListImages", {});
        assert.equal(healed.state.stale, false);
        assert.equal(healed.latestWeekly?.tag, "w_2077_43");
      },
      { withinMs: 10_000 },
    );
    assert.deepEqual((await missingTags(service))["beech"], ["w_2077_43"]);
  });

  test("the cluster: the last nodes answer, stale with the reason, and all heals", async () => {
    await using peers = await startFilledPeers();
    await using service = await startReadyService(peers.config(), { clock: fastClock(5) });
    const { client } = service;
    peers.clusterProxy.setFault({ kind: "refuse", applyToOpen: true });
    await assert.rejects(client.call("Refresh", {}), { code: "UNAVAILABLE", reason: "KUBERNETES_UNAVAILABLE" });
    const { state, status } = await client.call("GetPrepullStatus", {});
    assert.equal(state.stale, true);
    assert.notEqual(state.staleReason, "");
    assert.deepEqual(
      status.nodes.map(({ name }) => name),
      ["alder"],
    );
    peers.setNode("beech");
    peers.clusterProxy.setFault(null);
    await eventually(
      async () => {
        assert.deepEqual(Object.keys(await missingTags(service)), ["alder", "beech"]);
        assert.equal((await client.call("GetMenu", {})).state.stale, false);
      },
      { withinMs: 10_000 },
    );
  });

  test("the cluster that denies: the operator's fault, and reported so", async () => {
    await using peers = await startFilledPeers();
    await using service = await startReadyService(peers.config());
    peers.cluster.intercept((_request, response) => {
      response.writeHead(403, { "content-type": "application/json" }).end('{"kind":"Status","code":403}');
      return true;
    });
    await assert.rejects(service.client.call("Refresh", {}), {
      code: "FAILED_PRECONDITION",
      reason: "KUBERNETES_DENIED",
    });
  });
});

describe("a snapshot is swapped whole", () => {
  test("answers during refreshes never mix two", async () => {
    await using peers = await startFilledPeers();
    await using service = await startReadyService(peers.config());
    const { client } = service;
    for (let week = 43; week < 53; week++) {
      peers.push(`w_2077_${week}`);
      peers.push("recommended", `w_2077_${week}`);
      const refresh = client.call("Refresh", {});
      const answers = await Promise.all(Array.from({ length: 10 }, () => client.call("ListImages", {})));
      for (const { recommended, latestWeekly, images } of answers) {
        assert.equal(recommended?.aliasTarget, latestWeekly?.tag);
        assert.equal(
          tagsOf(images).find((tag) => tag.startsWith("w_")),
          latestWeekly?.tag,
        );
      }
      await refresh;
    }
  });
});
