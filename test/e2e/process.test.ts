import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import { eventually } from "../support/eventually.ts";
import { connectClient, type ImageServiceClient } from "../support/grpc-client.ts";
import { type ServiceProcess, type ServiceProcessOptions, startServiceProcess } from "../support/service-process.ts";
import { type Peers, startPeers } from "./support/peers.ts";

/** What a process has for its end after the first signal, milliseconds. */
const GRACE_MS = 10_000;
const FAR_TOO_LONG_MS = 60_000;
const CHATTY_LIBRARY = join(import.meta.dirname, "support/chatty-library.ts");
const BROKEN_COORDINATOR = join(import.meta.dirname, "support/broken-coordinator.ts");

interface Scene {
  readonly peers: Peers;
  readonly service: ServiceProcess;
  readonly client: ImageServiceClient;
}

/** The service as a process that has its first snapshot. */
async function withProcess(play: (scene: Scene) => Promise<void>, options: ServiceProcessOptions = {}): Promise<void> {
  await using peers = await startPeers();
  peers.push("w_2077_43");
  peers.push("recommended", "w_2077_43");
  peers.push("sketch");
  peers.setNode("alder");
  await using service = await startServiceProcess(peers.config(), options);
  await withClient(service, async (client) => {
    await eventually(async () => assert.equal(await client.health(), "SERVING"));
    await play({ peers, service, client });
  });
}

async function withClient(service: ServiceProcess, use: (client: ImageServiceClient) => Promise<void>): Promise<void> {
  const client = connectClient(service.grpc);
  try {
    await use(client);
  } finally {
    client.close();
  }
}

/** Lets the registry's answers take for ever, as far as this test is concerned. */
function stall({ registryProxy }: Peers): void {
  registryProxy.setFault({ kind: "latency", milliseconds: FAR_TOO_LONG_MS, applyToOpen: true });
}

describe("the process", { concurrency: true }, () => {
  test("SIGTERM during a refresh with open streams: they end as SHUTTING_DOWN, exit status 0 (G4)", () =>
    withProcess(async ({ peers, service, client }) => {
      const gate = client.waitForRefresh();
      await gate.next();
      stall(peers);
      const before = peers.registry.requests.length;
      const refresh = client.call("Refresh", {});
      const refused = assert.rejects(refresh, { code: "UNAVAILABLE", reason: "SHUTTING_DOWN" });
      await eventually(() => assert.ok(peers.registry.requests.length > before));
      const signalledAt = performance.now();
      service.kill("SIGTERM");
      const { code, reason } = await gate.ended;
      assert.deepEqual([code, reason], ["UNAVAILABLE", "SHUTTING_DOWN"]);
      await refused;
      assert.equal(await service.exited, 0);
      assert.ok(performance.now() - signalledAt < GRACE_MS);
      assert.equal(service.log.at(-1)?.msg, "stopped");
    }));

  test("a second SIGTERM ends it at once, whatever is under way", () =>
    withProcess(async ({ peers, service, client }) => {
      stall(peers);
      const before = peers.registry.requests.length;
      const call = client.call("ResolveImage", { tag: "sketch" }, FAR_TOO_LONG_MS);
      const failed = assert.rejects(call, { code: "UNAVAILABLE" });
      await eventually(() => assert.ok(peers.registry.requests.length > before));
      service.kill("SIGTERM");
      await eventually(() => assert.ok(service.log.some(({ msg }) => msg === "stopping")));
      const signalledAt = performance.now();
      service.kill("SIGTERM");
      assert.equal(await service.exited, 143);
      assert.ok(performance.now() - signalledAt < GRACE_MS / 2);
      await failed;
    }));

  test("killed without a word and started again, it gives the same answers (P1)", () =>
    withProcess(async ({ peers, service, client }) => {
      const before = await client.call("ListImages", {});
      service.kill("SIGKILL");
      assert.equal(await service.exited, null);
      await using next = await startServiceProcess(peers.config());
      await withClient(next, async (again) => {
        await eventually(async () => assert.equal(await again.health(), "SERVING"));
        const { state, ...answer } = await again.call("ListImages", {});
        assert.deepEqual({ ...answer, state: before.state }, before);
        assert.notEqual(state.epoch, before.state.epoch);
      });
    }));

  test("F61: a library prints without end to a standard error that nobody reads: it goes to the log, and SIGTERM ends it", () =>
    withProcess(
      async ({ service }) => {
        await eventually(() => assert.ok(service.log.some(({ msg }) => msg === "library output")));
        const signalledAt = performance.now();
        service.kill("SIGTERM");
        assert.equal(await service.exited, 0);
        assert.ok(performance.now() - signalledAt < GRACE_MS);
        assert.ok(service.log.some(({ msg }) => msg === "stopped"));
        assert.ok(!JSON.stringify(service.log).includes("canary"));
      },
      { preload: CHATTY_LIBRARY, stalledErrors: true },
    ));

  test("its coordinator breaks: it ends by itself, exit status 1 (P6)", () =>
    withProcess(
      async ({ peers, service, client }) => {
        const reference = peers.pullReference("w_2077_43");
        await client.call("MarkPrepulled", { reference, node: "alder" }).catch(() => undefined);
        assert.equal(await service.exited, 1);
        assert.ok(service.log.some(({ level, msg }) => level === "error" && msg.includes("coordinator crashed")));
      },
      { preload: BROKEN_COORDINATOR },
    ));
});
