import assert from "node:assert/strict";
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { describe, it, type TestContext } from "node:test";
import type { DockerSourceOptions } from "../../src/registry/oci/docker-source.ts";
import { eventually } from "../support/eventually.ts";
import { type Fault, startFaultProxy } from "../support/fault-proxy.ts";
import { type ManualClock, manualClock } from "../support/manual-clock.ts";
import { REPOSITORY, registryWith, sourceFor, unhurried } from "./source-under-test.ts";
import { answering, type Intercept, isUnavailable, sourceWithFaults } from "./source-with-faults.ts";

async function throughProxy(context: TestContext, options: Partial<DockerSourceOptions> = {}) {
  const registry = await registryWith(context, ["a", "b"]);
  const proxy = await startFaultProxy({ host: "127.0.0.1", port: registry.port });
  context.after(() => proxy.close());
  const source = sourceFor(context, { registry: `127.0.0.1:${proxy.port}`, ...options });
  const list = async () => (await source.listTags(unhurried)).map(({ tag }) => tag);
  return { registry, proxy, source, list };
}

describe("a registry that fails (R1)", () => {
  it("is asked again after a status that goes away, and right at once when it has gone", async (context) => {
    const { registry, list, retried, seen } = await sourceWithFaults(context);
    for (const status of [408, 429, 500, 502, 503, 504]) {
      let failures = 2;
      registry.behaviour.intercept = (_request, response) => {
        failures -= 1;
        if (failures < 0) return false;
        response.writeHead(status).end("<html>");
        return true;
      };
      assert.deepEqual(await list(), ["a", "b"]);
      assert.deepEqual(retried.splice(0), [String(status), String(status)]);
      assert.equal(seen.at(-1), `${registry.host} GET 200 true`);
    }
  });

  it("is given up after its last try, with the cause", async (context) => {
    const { registry, list, retried } = await sourceWithFaults(context);
    registry.behaviour.intercept = answering(502, {}, "canary");
    await assert.rejects(list(), isUnavailable(/^127\.0\.0\.1:\d+ answers 502$/));
    assert.equal(retried.length, 3);
    assert.equal(registry.requests.length, 4);
  });

  it("is not asked again where that cannot help", async (context) => {
    const { registry, list, retried } = await sourceWithFaults(context);
    const json = { "content-type": "application/json" };
    const expected = /answers .* where a list of tags was expected$/;
    const cases: [Intercept, RegExp][] = [
      [
        answering(200, { "content-type": "text/html; charset=utf-8" }, "<html>canary</html>"),
        /answers text\/html of another form/,
      ],
      [answering(200, {}, "canary"), /answers something else where/],
      [answering(200, json, '{"tags":["a",'), expected],
      [answering(200, json, '{"tags":"canary"}'), expected],
      [answering(200, json, '{"tags":["a",7]}'), expected],
      [answering(200, json, '{"name":"x"}'), expected],
      [answering(200, json, "null"), expected],
      [answering(200, json, "[]"), expected],
      [answering(204, {}, ""), /answers 204 where/],
      [answering(418, json, '{"errors":[]}'), /answers 418 where/],
    ];
    for (const [intercept, pattern] of cases) {
      registry.behaviour.intercept = intercept;
      await assert.rejects(list(), isUnavailable(pattern));
    }
    assert.deepEqual(retried, []);
  });

  it("cannot make old tags stay or new ones mix in", async (context) => {
    const { registry, list } = await sourceWithFaults(context, { limits: { attempts: 1 } });
    registry.behaviour.pageSize = 1;
    registry.behaviour.intercept = (request, response) => {
      if (request.url?.includes("last=") !== true) return false;
      response.writeHead(503).end();
      return true;
    };
    await assert.rejects(list(), isUnavailable(/answers 503/));
    registry.behaviour.intercept = null;
    registry.remove(REPOSITORY, "a");
    assert.deepEqual(await list(), ["b"]);
  });
});

describe("a network that fails (R1)", () => {
  const cases: [string, Fault, RegExp][] = [
    ["refuses", { kind: "refuse" }, /cannot be reached \(/],
    ["is half-open", { kind: "half-open" }, /does not answer within 1 s/],
    ["drips", { kind: "drip", bytesPerSecond: 50 }, /does not answer within 1 s/],
    ["cuts headers", { kind: "truncate", afterBytes: 20 }, /cannot be reached \(/],
    ["cuts the body", { kind: "truncate", afterBytes: 330 }, /breaks off its answer \(/],
    ["resets in the body", { kind: "reset", afterBytes: 330 }, /breaks off its answer \(/],
  ];
  for (const [name, fault, pattern] of cases) {
    it(`and ${name} is noticed in bounded time, and over when it is over`, async (context) => {
      const isTimed = fault.kind === "half-open" || fault.kind === "drip";
      const { registry, proxy, list } = await throughProxy(context, {
        limits: { requestTimeoutMs: isTimed ? 1_000 : 15_000, attempts: 2, retryBaseMs: 1 },
      });
      for (let index = 0; index < 20; index += 1) registry.push(REPOSITORY, `w_${index}`);
      assert.equal((await list()).length, 22);
      proxy.setFault({ ...fault, applyToOpen: true });
      await assert.rejects(list(), isUnavailable(pattern));
      proxy.setFault(null);
      proxy.cutAll();
      assert.equal((await list()).length, 22);
    });
  }

  it("and cuts once costs no more than another try, also on a connection that was kept", async (context) => {
    const { proxy, list } = await throughProxy(context);
    assert.deepEqual(await list(), ["a", "b"]);
    for (let cut = 0; cut < 5; cut += 1) {
      proxy.cutAll();
      assert.deepEqual(await list(), ["a", "b"]);
    }
  });

  it("and has nobody listening is reported", async (context) => {
    const { registry, list } = await sourceWithFaults(context, { limits: { attempts: 2 } });
    await registry.close();
    await assert.rejects(list(), isUnavailable(/cannot be reached \(ECONNREFUSED\)$/));
  });

  it("does not hold more than one deadline's worth of time a try, by the injected clock", async (context) => {
    const clock = manualClock();
    const limits = { requestTimeoutMs: 30_000, operationTimeoutMs: 3_600_000, attempts: 1 };
    const { proxy, list } = await throughProxy(context, { clock, limits });
    proxy.setFault({ kind: "half-open" });
    const refused = assert.rejects(list(), isUnavailable(/does not answer within 30 s/));
    await eventually(() => assert.equal(proxy.open, 1));
    await clock.advance(30_000);
    await refused;
    assert.equal(clock.pending, 0);
  });
});

describe("Retry-After (R1)", () => {
  const patient = { requestTimeoutMs: 3_600_000, operationTimeoutMs: 3_600_000 };

  /** Turns the clock bit by bit, past the pauses between tries, until the check holds. */
  function turnUntil(clock: ManualClock, check: () => void): Promise<void> {
    return eventually(async () => {
      await clock.advance(1);
      check();
    });
  }

  it("is waited for, by all requests to the host", async (context) => {
    const clock = manualClock();
    const { registry, source, retried } = await sourceWithFaults(context, { clock, random: () => 0, limits: patient });
    registry.behaviour.throttle = { requests: 1, status: 429, retryAfter: "20" };
    const first = source.listTags(unhurried);
    await eventually(() => assert.deepEqual(retried, ["429"]));
    const second = source.resolveTags(["a"], unhurried);
    await turnUntil(clock, () => assert.ok(clock.monotonicTime() >= 50));
    await clock.advance(15_000);
    assert.equal(registry.requests.length, 1);
    await clock.advance(5_000);
    await Promise.all([first, second]);
    assert.equal(registry.requests.length, 4);
  });
});

describe("sockets", () => {
  it("that carry a body after HEAD cost a connection, and no wrong answer", async (context) => {
    const digests = new Map<string, string>();
    const server = createServer((socket) => {
      socket.on("error", () => socket.destroy());
      socket.on("data", (chunk: Buffer) => {
        const tag = /^HEAD \/v2\/lab\/sketchbook\/manifests\/(\S+)/.exec(chunk.toString())?.[1] ?? "";
        const body = `HTTP/1.1 200 OK\r\nDocker-Content-Digest: sha256:${"f".repeat(64)}\r\nContent-Length: 0\r\n\r\n`;
        const digest = digests.get(tag) ?? "";
        socket.write(
          `HTTP/1.1 200 OK\r\nDocker-Content-Digest: ${digest}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
        );
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    context.after(() => server.close());
    const { port } = server.address() as AddressInfo;
    for (let index = 0; index < 20; index += 1) digests.set(`t${index}`, `sha256:${String(index).padStart(64, "0")}`);
    const source = sourceFor(context, { registry: `127.0.0.1:${port}`, limits: { concurrency: 2, attempts: 10 } });
    const resolved = await source.resolveTags([...digests.keys()], unhurried);
    for (const [tag, digest] of digests) assert.equal(resolved.get(tag)?.digest, digest);
  });

  it("are all closed with the source", async (context) => {
    const { proxy, source, list } = await throughProxy(context);
    await list();
    assert.equal(proxy.open, 1);
    await source.close();
    await eventually(() => assert.equal(proxy.open, 0));
  });

  it("are not opened beyond the bound by a registry that is slow", async (context) => {
    const { registry, source } = await sourceWithFaults(context, { limits: { concurrency: 3 } });
    const held: ServerResponse[] = [];
    const hold = (_request: IncomingMessage, response: ServerResponse) => held.push(response) > 0;
    registry.behaviour.intercept = hold;
    const all = [source.resolveTags(["a", "b"], unhurried), source.resolveTags(["c", "d", "e"], unhurried)];
    await eventually(() => assert.equal(held.length, 3));
    registry.behaviour.intercept = null;
    for (const response of held) {
      response.writeHead(500).end();
    }
    assert.deepEqual(
      (await Promise.all(all)).map(({ size }) => size),
      [2, 0],
    );
    assert.equal(registry.peakConcurrency, 3);
  });
});
