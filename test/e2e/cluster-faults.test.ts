import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { describe, test } from "node:test";
import type { Interceptor } from "../../src/simulation/kubernetes/kubernetes-api.ts";
import { eventually } from "../support/eventually.ts";
import { fastClock } from "./support/clocks.ts";
import { type Peers, startPeers } from "./support/peers.ts";
import { missingTags, nextOpening, openGate, type Service, startReadyService } from "./support/service.ts";

/** How much faster than the machine's the clock runs where backoffs and time-outs are waited for. */
const FASTER = 5;
/** For what is promised within a second when nothing is wrong, and has to wait for a backoff here. */
const HEALED = { withinMs: 8_000 };

async function withNode(
  check: (service: Service, peers: Peers) => Promise<void>,
  { faster = FASTER }: { readonly faster?: number } = {},
): Promise<void> {
  await using peers = await startPeers();
  peers.push("recommended");
  peers.setNode("alder", ["recommended"]);
  await using service = await startReadyService(peers.config(), { clock: fastClock(faster) });
  await eventually(() => assert.equal(peers.cluster.watches, 1));
  await check(service, peers);
}

function isWatch(target: string | undefined): boolean {
  return target?.includes("watch=true") === true;
}

/** Answers every watch in the place of the server. */
function onWatches(answer: (response: ServerResponse) => void): Interceptor {
  return ({ url }, response) => {
    if (!isWatch(url)) return false;
    answer(response);
    return true;
  };
}

async function joins(service: Service, { setNode }: Peers, name: string): Promise<void> {
  setNode(name);
  await eventually(async () => assert.ok(name in (await missingTags(service))), HEALED);
}

function watchRequests({ cluster }: Peers): number {
  return cluster.requests.filter(({ target }) => isWatch(target)).length;
}

describe("a watch that fails (K1)", { concurrency: true }, () => {
  test("makes the answers stale with the reason, and heals without a refresh", () =>
    withNode(async (service, peers) => {
      const state = async () => (await service.client.call("GetPrepullStatus", {})).state;
      peers.cluster.intercept(onWatches((response) => response.writeHead(500).end()));
      peers.cluster.closeWatches();
      await eventually(async () => assert.equal((await state()).stale, true), HEALED);
      assert.match((await state()).staleReason, /watch nodes/);
      const { status } = await service.client.call("GetPrepullStatus", {});
      const ok = status.sources.map(({ name, ok }) => [name, ok]);
      assert.deepEqual(ok, [
        ["registry", true],
        ["kubernetes", false],
      ]);
      peers.cluster.intercept(null);
      await eventually(async () => assert.equal((await state()).stale, false), HEALED);
      await joins(service, peers, "beech");
      assert.ok(service.log.every(({ cause }) => cause !== "SCHEDULED"));
    }));

  const answers: Readonly<Record<string, (response: ServerResponse) => void>> = {
    "a garbled line": (response) => void response.writeHead(200).end("{]\n"),
    "half a line": (response) => void response.writeHead(200).end('{"type":"ADDED","object":{"meta'),
    "an ERROR event": (response) =>
      void response.writeHead(200).end('{"type":"ERROR","object":{"kind":"Status","code":500}}\n'),
    "an end after each event": (response) =>
      void response
        .writeHead(200)
        .end('{"type":"BOOKMARK","object":{"kind":"Node","metadata":{"resourceVersion":"1000"}}}\n'),
    "a reset": (response) => void response.destroy(),
  };
  for (const [name, answer] of Object.entries(answers)) {
    test(`${name}: watched again without a storm`, () =>
      withNode(
        async (service, peers) => {
          const before = watchRequests(peers);
          peers.cluster.intercept(onWatches(answer));
          peers.cluster.closeWatches();
          await eventually(() => assert.ok(watchRequests(peers) >= before + 3), HEALED);
          assert.ok(watchRequests(peers) < before + 10);
          peers.cluster.intercept(null);
          await joins(service, peers, "beech");
        },
        { faster: 20 },
      ));
  }

  test("all connections are cut: the node that joins meanwhile shows", () =>
    withNode(async (service, peers) => {
      peers.clusterProxy.cutAll();
      await joins(service, peers, "beech");
    }));
});

describe("a watch that lies", { concurrency: true }, () => {
  test("silent because its connection is half-open (K2): listed again", () =>
    withNode(
      async (service, peers) => {
        peers.clusterProxy.setFault({ kind: "half-open", applyToOpen: true });
        peers.clusterProxy.setFault(null);
        await joins(service, peers, "beech");
      },
      // A watch counts as silent after 75 seconds.
      { faster: 50 },
    ));

  test("its version has expired (K3): listed again, once", () =>
    withNode(async (service, peers) => {
      const lists = () => peers.cluster.requests.length - watchRequests(peers);
      const before = lists();
      peers.cluster.intercept(onWatches((response) => response.writeHead(500).end()));
      peers.cluster.closeWatches();
      await eventually(() => assert.equal(peers.cluster.watches, 0));
      peers.setNode("beech");
      peers.cluster.expireHistory();
      peers.cluster.intercept(null);
      await eventually(async () => assert.ok("beech" in (await missingTags(service))), HEALED);
      assert.equal(lists(), before + 1);
      const gate = await openGate(service);
      assert.equal((await nextOpening(gate))[0], "NODES_CHANGED");
    }));
});

describe("a list that fails (K4)", { concurrency: true }, () => {
  const answers: Readonly<Record<string, (response: ServerResponse) => void>> = {
    "503": (response) => void response.writeHead(503).end(),
    "429 with Retry-After": (response) => void response.writeHead(429, { "retry-after": "1" }).end(),
    "an HTML page": (response) => void response.writeHead(200, { "content-type": "text/html" }).end("<html></html>"),
    "no answer at all": () => undefined,
  };
  for (const [name, answer] of Object.entries(answers)) {
    test(`${name}: the last nodes stay, stale, and all heals`, () =>
      withNode(
        async (service, { cluster, setNode }) => {
          cluster.intercept(({ url }, response) => {
            if (isWatch(url)) return false;
            answer(response);
            return true;
          });
          const failure = { code: "UNAVAILABLE", reason: "KUBERNETES_UNAVAILABLE" };
          await assert.rejects(service.client.call("Refresh", {}), failure);
          const { state, status } = await service.client.call("GetPrepullStatus", {});
          assert.equal(state.stale, true);
          assert.deepEqual(
            status.nodes.map((node) => node.name),
            ["alder"],
          );
          cluster.intercept(null);
          setNode("beech");
          await eventually(async () => {
            const { state: healed } = await service.client.call("GetPrepullStatus", {});
            assert.equal(healed.stale, false);
            assert.deepEqual(Object.keys(await missingTags(service)), ["beech"]);
          }, HEALED);
        },
        // A page may take 30 seconds.
        { faster: name === "no answer at all" ? 50 : FASTER },
      ));
  }

  test("a continue token that expires half-way (K3): started over, without a phantom of the first pages", () =>
    withNode(async (service, peers) => {
      const { cluster, setNode } = peers;
      for (let number = 0; number < 120; number++) setNode(`birch-${String(number).padStart(3, "0")}`, ["recommended"]);
      await eventually(async () => {
        const { status } = await service.client.call("GetPrepullStatus", {});
        assert.equal(status.nodes.length, 121);
      });
      let lists = 0;
      cluster.intercept(({ url }, response) => {
        // Without a watch in between, only the list can tell that the first page is void.
        if (isWatch(url) && lists < 3) {
          response.writeHead(500).end();
          return true;
        }
        if (!isWatch(url)) lists += 1;
        if (lists === 2 && url?.includes("continue=") === true) {
          cluster.deleteNode("birch-007");
          cluster.expireHistory();
        }
        return false;
      });
      await service.client.call("Refresh", {});
      assert.ok(lists >= 4, "the list was started over");
      const { status } = await service.client.call("GetPrepullStatus", {});
      assert.equal(status.nodes.length, 120);
      assert.ok(!status.nodes.some(({ name }) => name === "birch-007"));
    }));
});
