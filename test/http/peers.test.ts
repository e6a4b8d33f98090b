import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { describe, type TestContext, test } from "node:test";
import { createRegistryHook } from "../../src/http/registry-hook.ts";
import type { HttpServerOptions } from "../../src/http/server.ts";
import { createSystemClock } from "../../src/telemetry/system-clock.ts";
import { collectGarbage } from "../support/collect-garbage.ts";
import { eventually } from "../support/eventually.ts";
import { type RawConnection, rawHttp } from "./support/raw-http.ts";
import { startHttp } from "./support/running-server.ts";

const MIB = 1_024 * 1_024;
const SECRET = "hook-secret";
const LIVE = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";

async function startWithHook(context: TestContext, options: Partial<HttpServerOptions> = {}) {
  let notified = 0;
  const bodies: string[] = [];
  const hook = createRegistryHook({
    secret: () => SECRET,
    repositories: new Set(["a/b"]),
    notify: () => {
      notified += 1;
    },
    clock: createSystemClock(),
    onLimit: (limit, peer) => void bodies.push(`${limit} ${peer}`),
  });
  const running = await startHttp(context, { hook, ...options });
  return { ...running, bodies, notified: () => notified };
}

function post(length: number, ...headers: readonly string[]): string {
  const lines = ["POST /hooks/registry HTTP/1.1", "Host: localhost", `Content-Length: ${length}`, ...headers];
  return `${lines.join("\r\n")}\r\n\r\n`;
}

function signature(body: string): string {
  return `X-Hub-Signature-256: sha256=${createHmac("sha256", SECRET).update(body).digest("hex")}`;
}

async function isLive(context: TestContext, port: number, from?: string): Promise<void> {
  const since = performance.now();
  const connection = await rawHttp(context, port, from === undefined ? {} : { from });
  connection.socket.write(LIVE);
  await eventually(() => assert.deepEqual(connection.statuses(), [200]));
  assert.ok(performance.now() - since < 1_000);
  connection.socket.destroy();
}

describe("F12: the hook and those who do not know the secret", () => {
  test("is refused before a byte of the body has come, and the connection with it", async (context) => {
    const { port } = await startWithHook(context);
    const connection = await rawHttp(context, port);
    connection.socket.write(post(MIB));
    await eventually(() => assert.deepEqual([connection.statuses(), connection.closed], [[401], true]));
  });

  test("nothing is kept of bodies whose signature is still to be proven, and few are read at one time", async (context) => {
    const { port, notified, bodies } = await startWithHook(context);
    collectGarbage();
    const before = process.memoryUsage().arrayBuffers;
    const body = Buffer.alloc(MIB / 4, "x");
    const connections: RawConnection[] = [];
    for (let index = 0; index < 200; index++) {
      const connection = await rawHttp(context, port);
      connection.socket.write(post(MIB, signature("another body")));
      connection.socket.write(body);
      connections.push(connection);
    }
    const refused = () => connections.filter(({ statuses }) => statuses()[0] === 503).length;
    const cut = () => connections.filter(({ closed }) => closed).length;
    await eventually(() => assert.ok(cut() >= 184, `${refused()} of ${cut()}`));
    // Without the limit: 200 connections with 256 kB each are 50 MB. The test's own end of them holds some.
    await eventually(() => {
      collectGarbage();
      assert.ok(process.memoryUsage().arrayBuffers - before < 16 * MIB);
    });
    await isLive(context, port);
    await eventually(() => assert.equal(cut(), 200));
    assert.equal(notified(), 0);
    assert.ok(bodies.length >= 184 && bodies.every((each) => /^bod(ies|y_time) 127\.0\.0\.1$/.test(each)));
  });

  test("a body that is slow is refused after five seconds", async (context) => {
    const { port, bodies } = await startWithHook(context);
    const connection = await rawHttp(context, port);
    connection.socket.write(post(100, signature("x")));
    connection.socket.write("x");
    await eventually(() => assert.deepEqual([connection.statuses(), connection.closed], [[408], true]));
    assert.deepEqual(bodies, ["body_time 127.0.0.1"]);
  });

  test("a body in one-byte chunks from whoever knows the secret is taken", async (context) => {
    const { port, notified } = await startWithHook(context);
    const connection = await rawHttp(context, port);
    const head = "POST /hooks/registry HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n";
    connection.socket.write(`${head}X-LabImages-Secret: ${SECRET}\r\n\r\n${"1\r\nx\r\n".repeat(50_000)}0\r\n\r\n`);
    await eventually(() => assert.deepEqual(connection.statuses(), [202]));
    assert.equal(notified(), 1);
  });

  test("asks for the body only of whoever may send one", async (context) => {
    const { port, notified, bodies } = await startWithHook(context);
    const stranger = await rawHttp(context, port);
    stranger.socket.write(post(1, "Expect: 100-continue"));
    await eventually(() => assert.deepEqual(stranger.statuses(), [401]));
    const friend = await rawHttp(context, port);
    friend.socket.write(post(1, "Expect: 100-continue", `X-LabImages-Secret: ${SECRET}`));
    await eventually(() => assert.deepEqual(friend.statuses(), [100]));
    friend.socket.write("x");
    await eventually(() => assert.deepEqual(friend.statuses(), [100, 202]));
    assert.equal(notified(), 1);
    const verbose = await rawHttp(context, port);
    verbose.socket.write(post(MIB + 1, "Expect: 100-continue", `X-LabImages-Secret: ${SECRET}`));
    await eventually(() => assert.deepEqual([verbose.statuses(), verbose.closed], [[413], true]));
    assert.deepEqual(bodies, ["body_bytes 127.0.0.1"]);
  });

  test("a peer that holds all places gives way to another one", async (context) => {
    const { port, notified } = await startWithHook(context);
    for (let index = 0; index < 16; index++) {
      const { socket } = await rawHttp(context, port, { from: "127.0.0.2" });
      socket.write(post(10, signature("{}")));
    }
    const other = await rawHttp(context, port, { from: "127.0.0.3" });
    await eventually(() => {
      other.socket.write(`${post(2, signature("{}"))}{}`);
      assert.ok(other.statuses().includes(202));
    });
    assert.ok(notified() > 0);
  });
});

describe("F60: what peers send and take over HTTP", () => {
  test("a body that nobody wants is not read, and its connection ends", async (context) => {
    const { port } = await startHttp(context);
    for (const [start, status] of [
      ["GET /livez", 200],
      ["POST /nothing", 404],
      ["DELETE /livez", 405],
    ] as const) {
      const connection = await rawHttp(context, port);
      connection.socket.write(`${start} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\nx`);
      await eventually(() => assert.deepEqual([connection.statuses(), connection.closed], [[status], true]));
    }
  });

  test("headers that do not end in time are refused", async (context) => {
    const { port, limited } = await startHttp(context, { limits: { headersTimeoutMs: 200 } });
    const connection = await rawHttp(context, port);
    connection.socket.write("GET /livez HTTP/1.1\r\nHost: localhost\r\nX-");
    await eventually(() => assert.deepEqual([connection.statuses(), connection.closed], [[408], true]));
    assert.deepEqual(limited, ["request_time 127.0.0.1"]);
  });

  test("a few requests at once on one connection are answered in order, many cut it", async (context) => {
    const { port } = await startHttp(context);
    const few = await rawHttp(context, port);
    few.socket.write(LIVE.repeat(10));
    await eventually(() => assert.equal(few.statuses().length, 10));
    assert.equal(few.closed, false);
    const slow = Promise.withResolvers<string>();
    const { port: other, limited } = await startHttp(context, {
      metrics: { contentType: "text/plain", render: () => slow.promise },
    });
    const many = await rawHttp(context, other);
    many.socket.write("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(1_000));
    await eventually(() => assert.equal(many.closed, true));
    assert.ok(limited.length > 0 && limited.every((each) => each === "pipelined_requests 127.0.0.1"));
    slow.resolve("a_metric 1\n");
    await isLive(context, other);
  });

  test("metrics that many ask for at one time are rendered once", async (context) => {
    const text = Promise.withResolvers<string>();
    let renders = 0;
    const render = () => {
      renders += 1;
      return text.promise;
    };
    const { port } = await startHttp(context, { metrics: { contentType: "text/plain", render } });
    const connections = await Promise.all(Array.from({ length: 20 }, () => rawHttp(context, port)));
    for (const { socket } of connections) socket.write("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await eventually(() => assert.equal(renders, 1));
    await isLive(context, port);
    text.resolve("a_metric 1\n");
    for (const { statuses } of connections) await eventually(() => assert.deepEqual(statuses(), [200]));
    assert.equal(renders, 1);
  });

  test("metrics that nobody reads are one page in memory, however many have asked for them", async (context) => {
    const text = Promise.withResolvers<string>();
    const render = () => text.promise;
    const { port } = await startHttp(context, { metrics: { contentType: "text/plain", render } });
    const connections = await Promise.all(Array.from({ length: 20 }, () => rawHttp(context, port, { reads: false })));
    for (const { socket } of connections) socket.write("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(10));
    await isLive(context, port);
    collectGarbage();
    const before = process.memoryUsage().arrayBuffers;
    text.resolve("x".repeat(MIB));
    await isLive(context, port);
    collectGarbage();
    // A page for each request would be 200 MB.
    assert.ok(process.memoryUsage().arrayBuffers - before < 16 * MIB);
  });

  test("a peer that holds all connections gives up one for another peer, and one that asks for nothing for anybody", async (context) => {
    const { port, limited } = await startHttp(context, { limits: { maxConnections: 4 } });
    const greedy = await Promise.all([1, 2, 3, 4].map(() => rawHttp(context, port, { from: "127.0.0.2" })));
    await isLive(context, port, "127.0.0.3");
    await eventually(() => assert.equal(greedy.filter(({ closed }) => closed).length, 1));
    const again = await rawHttp(context, port, { from: "127.0.0.2" });
    await eventually(async () => {
      const late = await rawHttp(context, port, { from: "127.0.0.2" });
      late.socket.write(LIVE);
      await eventually(() => assert.deepEqual(late.statuses(), [200]), { withinMs: 1_000 });
    });
    again.socket.destroy();
    assert.deepEqual([...new Set(limited)], ["connections 127.0.0.2"]);
  });
});

describe("F69: peers over HTTP that would hold up the end", { concurrency: true }, () => {
  const LONG = "x".repeat(16 * MIB);
  const peers: readonly (readonly [what: string, reads: boolean, text: string])[] = [
    ["headers that do not end", true, "GET /livez HTTP/1.1\r\nHost:"],
    ["a body that does not come", true, post(100, signature("x"))],
    ["nothing at all", true, ""],
    ["a response that is not read", false, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"],
  ];
  for (const [what, reads, text] of peers) {
    test(what, async (context) => {
      const metrics = { contentType: "text/plain", render: () => Promise.resolve(LONG) };
      const { server, port } = await startWithHook(context, { metrics });
      const { socket } = await rawHttp(context, port, { reads });
      socket.write(text);
      await isLive(context, port);
      const since = performance.now();
      await server.stop(60_000);
      assert.ok(performance.now() - since < 15_000);
    });
  }
});
