import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { eventually } from "../support/eventually.ts";
import { fastClock } from "./support/clocks.ts";
import { type Peers, startPeers } from "./support/peers.ts";
import { nextOpening, openGate, type Service, startService, untilServing } from "./support/service.ts";

const NOT_READY = { code: "UNAVAILABLE", reason: "NOT_READY" };

async function startFilledPeers(reachable: boolean): Promise<Peers> {
  const peers = await startPeers({ reachable });
  peers.push("w_2077_43");
  peers.push("recommended", "w_2077_43");
  peers.setNode("alder");
  return peers;
}

/** Turns the registry's callers away, as one does whose credentials are wrong: no retry can help. */
function deny({ registry }: Peers): void {
  registry.behaviour.intercept = (_request, response) => {
    response.writeHead(403).end();
    return true;
  };
}

async function get(http: string, path: string): Promise<readonly [number, string]> {
  const answer = await fetch(`http://${http}${path}`);
  return [answer.status, await answer.text()];
}

async function untilLogged({ log }: Service, words: string): Promise<void> {
  await eventually(() => assert.ok(log.some(({ msg }) => msg.includes(words))));
}

describe("without registry and cluster (P3)", { concurrency: true }, () => {
  test("the service starts, says that it is not ready and why, and heals by itself", async () => {
    await using peers = await startFilledPeers(false);
    await using service = await startService(peers.config(), { clock: fastClock(5) });
    const { client, http } = service;
    assert.equal(await client.health(), "NOT_SERVING");
    assert.equal(await client.health("labimages.v1.ImageService"), "NOT_SERVING");
    await assert.rejects(client.call("ResolveImage", { tag: "recommended" }), NOT_READY);
    await assert.rejects(client.call("ListImages", {}), NOT_READY);
    await assert.rejects(client.call("GetMenu", {}), NOT_READY);
    await assert.rejects(client.call("ListMissingImages", {}), NOT_READY);
    await assert.rejects(client.call("GetPrepullStatus", {}), NOT_READY);
    const reference = peers.pullReference("w_2077_43");
    await assert.rejects(client.call("MarkPrepulled", { reference, node: "alder" }), NOT_READY);
    await assert.rejects(client.call("Refresh", {}), { code: "UNAVAILABLE", reason: "KUBERNETES_UNAVAILABLE" });
    const [readiness, why] = await get(http, "/readyz");
    assert.equal(readiness, 503);
    assert.match(why, /registry: .*; kubernetes: .*/);
    assert.equal((await get(http, "/livez"))[0], 200);

    const gate = await openGate(service);
    for (const proxy of [peers.registryProxy, peers.clusterProxy]) proxy.setFault(null);
    assert.equal((await gate.next()).state.stale, false);
    await untilServing(service);
    assert.equal((await client.call("GetMenu", {})).menu.length, 1);
    assert.equal((await get(http, "/readyz"))[0], 200);
  });

  test("one source alone is not enough", async () => {
    await using peers = await startFilledPeers(false);
    peers.clusterProxy.setFault(null);
    await using service = await startService(peers.config(), { clock: fastClock(5) });
    await assert.rejects(service.client.call("Refresh", {}), { code: "UNAVAILABLE", reason: "REGISTRY_UNAVAILABLE" });
    await assert.rejects(service.client.call("GetMenu", {}), NOT_READY);
    assert.equal(await service.client.health(), "NOT_SERVING");
    peers.registryProxy.setFault(null);
    await untilServing(service);
  });
});

describe("a demand while the start fails", { concurrency: true }, () => {
  test("during the failing refresh: another one follows at once, and on its account", async () => {
    await using peers = await startFilledPeers(true);
    deny(peers);
    peers.registryProxy.setFault({ kind: "latency", milliseconds: 200 });
    await using service = await startService(peers.config());
    await eventually(() => assert.ok(peers.registry.requests.length > 0));
    peers.registry.behaviour.intercept = null;
    await service.client.call("Refresh", {});
    await untilLogged(service, "refresh failed");
    assert.deepEqual(await nextOpening(await openGate(service)), ["REQUESTED", 0]);
  });

  test("during the pause after it: the pause is over", async () => {
    await using peers = await startFilledPeers(true);
    deny(peers);
    await using service = await startService(peers.config());
    await untilLogged(service, "refresh failed");
    peers.registry.behaviour.intercept = null;
    await service.client.call("Refresh", {});
    assert.deepEqual(await nextOpening(await openGate(service)), ["REQUESTED", 0]);
  });
});
