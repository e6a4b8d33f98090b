import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { reportPrepull } from "../cluster/service-calls.ts";
import { eventually } from "../support/eventually.ts";
import { type Peers, startPeers } from "./support/peers.ts";
import { type Service, startReadyService } from "./support/service.ts";

const account = { username: "canary-user", password: "canary-password-8c1f" };
const canaries = [account.password, Buffer.from(`${account.username}:${account.password}`).toString("base64")];

async function withCredentials(check: (service: Service, peers: Peers) => Promise<void>): Promise<void> {
  await using peers = await startPeers({ auth: { kind: "basic", ...account } });
  peers.push("recommended");
  peers.push("sketch");
  peers.setNode("alder");
  const folder = await mkdtemp(join(tmpdir(), "lab-images-log-"));
  const file = join(folder, "dockerconfigjson");
  const host = peers.place.split("/")[0] ?? "";
  await writeFile(file, JSON.stringify({ auths: { [host]: { auth: canaries[1] } } }));
  try {
    await using service = await startReadyService(peers.config({ images: { dockerCredentialsPath: file } }));
    await check(service, peers);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Everything that anybody can read of the service. */
async function allThatIsTold({ log, http, client }: Service): Promise<string> {
  const paths = ["/livez", "/readyz", "/metrics", "/spawner/v1/images", "/spawner/v1/prepulls"];
  const pages = await Promise.all(paths.map(async (path) => (await fetch(`http://${http}${path}`)).text()));
  const { status, state } = await client.call("GetPrepullStatus", {});
  return JSON.stringify([log, pages, status, state]);
}

describe("what is logged of credentials", () => {
  test("nothing, neither while they work nor when they do not, at any level of the log", () =>
    withCredentials(async (service, peers) => {
      const { client } = service;
      assert.ok(
        peers.registry.requests.some(({ authorization }) => authorization === "basic"),
        "they are used",
      );
      const failures: unknown[] = [];
      const attempt = (call: Promise<unknown>) => call.catch((error: unknown) => failures.push(error));
      peers.registry.behaviour.intercept = (_request, response) => {
        response.writeHead(403, { "content-type": "text/plain" }).end(canaries.join(" "));
        return true;
      };
      await attempt(client.call("Refresh", {}));
      await attempt(client.call("ResolveImage", { tag: "sketch" }));
      peers.registry.behaviour.intercept = (request, response) => {
        response.writeHead(500).end(JSON.stringify({ headers: request.headers }));
        return true;
      };
      await attempt(client.call("ResolveImage", { tag: "sketch" }));
      peers.registryProxy.setFault({ kind: "refuse", applyToOpen: true });
      await attempt(client.call("ResolveImage", { tag: "sketch" }));
      assert.equal(failures.length, 4);
      const told = `${await allThatIsTold(service)} ${failures.map((error) => JSON.stringify(error) + String(error)).join(" ")}`;
      for (const canary of canaries) assert.ok(!told.includes(canary), `${canary} has been told`);
    }));
});

describe("a fault that lasts", () => {
  test("is one warning when it begins and one line when it is over, however often it is met", async () => {
    await using peers = await startPeers();
    peers.push("recommended");
    peers.setNode("alder");
    await using service = await startReadyService(peers.config({ images: { refreshInterval: "0.1s" } }));
    const failed = ({ msg }: { msg: string }) => /^refresh failed/.test(msg);
    const levels = (isMeant: (line: { msg: string }) => boolean) =>
      service.log.filter(isMeant).map(({ level }) => level);
    peers.registry.behaviour.intercept = (_request, response) => {
      response.writeHead(403).end();
      return true;
    };
    await eventually(() => assert.ok(levels(failed).length >= 5));
    peers.registry.behaviour.intercept = null;
    await eventually(() =>
      assert.deepEqual(
        levels(({ msg }) => msg === "registry ok again"),
        ["info"],
      ),
    );
    assert.equal(levels(failed).filter((level) => level !== "debug").length, 1);
    assert.equal(levels(failed)[0], "warn");
  });

  test("F51: is another warning with another reason, and names both sources where both fail", async () => {
    await using peers = await startPeers();
    peers.push("recommended");
    peers.setNode("alder");
    await using service = await startReadyService(peers.config({ images: { refreshInterval: "0.1s" } }));
    let status = 403;
    peers.registry.behaviour.intercept = (_request, response) => {
      response.writeHead(status).end();
      return true;
    };
    const warned = () =>
      service.log.flatMap(({ level, msg }) => (level === "warn" && /^refresh failed/.test(msg) ? msg : []));
    await eventually(() => assert.equal(warned().length, 1));
    status = 404;
    await eventually(() => assert.equal(warned().length, 2));
    assert.notEqual(warned()[0], warned()[1]);
    peers.clusterProxy.setFault({ kind: "refuse", applyToOpen: true });
    const both = /registry: .*; kubernetes: /;
    await eventually(() => assert.ok(warned().some((line) => both.test(line))));
    await eventually(async () => {
      const { state } = await service.client.call("GetMenu", {});
      assert.match(state.staleReason, both);
    });
    assert.match(await (await fetch(`http://${service.http}/readyz`)).text(), both);
    const failure: unknown = await service.client.call("Refresh", {}).catch((error: unknown) => error);
    assert.match(String(failure), both);
  });
});

describe("what a peer says at length (F53b)", () => {
  const long = "x".repeat(12_000);
  const answers: Readonly<Record<string, (response: ServerResponse) => void>> = {
    "a content type": (response) => response.writeHead(200, { "content-type": `text/${long}` }).end("<html>"),
    "a realm": (response) =>
      response.writeHead(401, { "www-authenticate": `Bearer realm="https://${long}.example.org/",service="x"` }).end(),
    "a redirect": (response) => response.writeHead(307, { location: `https://${long}.example.org/` }).end(),
    "a body": (response) => response.writeHead(500).end(long),
  };
  for (const [what, answer] of Object.entries(answers)) {
    test(`F53b: ${what} is cut in the log, /readyz, the status and errors`, async () => {
      await using peers = await startPeers();
      peers.push("recommended");
      peers.setNode("alder");
      await using service = await startReadyService(peers.config());
      peers.registry.behaviour.intercept = (_request, response) => {
        answer(response);
        return true;
      };
      const failure: unknown = await service.client.call("Refresh", {}).catch((error: unknown) => error);
      assert.ok(failure instanceof Error);
      const { status, state } = await service.client.call("GetPrepullStatus", {});
      const ready = await (await fetch(`http://${service.http}/readyz`)).text();
      const shown = [failure.message, state.staleReason, ready, ...status.sources.map(({ reason }) => reason)];
      for (const text of shown) assert.ok(text.length < 600, `${text.length} characters: ${text.slice(0, 300)}`);
      assert.ok(state.staleReason.length > 0);
      for (const line of service.log)
        assert.ok(JSON.stringify(line).length < 2_000, JSON.stringify(line).slice(0, 2_000));
    });
  }

  test("F53b: an outside prepuller's words are cut in the status", async () => {
    await using peers = await startPeers();
    peers.push("recommended");
    peers.setNode("alder");
    await using service = await startReadyService(peers.config());
    const words = { reason: "ErrImagePull".padEnd(256, "x"), message: `begin ${"x".repeat(1_000)} end` };
    const target = { reference: peers.pullReference("recommended"), node: "alder" };
    await reportPrepull(service.grpc, { ...target, ...words, prepullState: "PREPULL_STATE_FAILED" });
    await eventually(async () => {
      const { status } = await service.client.call("GetPrepullStatus", {});
      const [task] = status.progress;
      assert.equal(task?.prepullState, "PREPULL_STATE_FAILED");
      assert.match(task.message, /^begin x+…x+ end$/);
      assert.deepEqual([task.message.length, task.reason.length], [200, 200]);
    });
  });
});
