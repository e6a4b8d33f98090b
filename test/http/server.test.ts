import assert from "node:assert/strict";
import { once } from "node:events";
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import { type AddressInfo, connect, createServer } from "node:net";
import { test } from "node:test";
import type { HttpServerOptions } from "../../src/http/server.ts";
import { eventually } from "../support/eventually.ts";
import { snapshotOf } from "./snapshots.ts";
import { startHttp, WORLD } from "./support/running-server.ts";

interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

async function ask(port: number, path: string, headers: IncomingHttpHeaders = {}, method = "GET"): Promise<Answer> {
  const request = httpRequest({ host: "127.0.0.1", port, path, method, headers, agent: false });
  request.end();
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request.on("response", resolve);
    request.on("error", reject);
  });
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(Buffer.from(chunk));
  return { status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks).toString() };
}

test("liveness is an answer at all", async (t) => {
  const { port } = await startHttp(t);
  const { status, body } = await ask(port, "/livez");
  assert.deepEqual({ status, body }, { status: 200, body: "live\n" });
});

test("readiness needs a snapshot, says what it waits for, and ends with draining", async (t) => {
  const { port, state, server } = await startHttp(t);
  const ready = async () => {
    const { status, body } = await ask(port, "/readyz?verbose");
    return `${status} ${body.trim()}`;
  };
  assert.equal(await ready(), "200 ready: snapshot 1");
  state.staleReason = "registry: it answers with 503";
  assert.equal(await ready(), "200 ready: snapshot 1, stale: registry: it answers with 503");
  state.snapshot = null;
  const unseen = { ok: false, reason: "", lastSuccessTime: null };
  state.sources = [
    { name: "registry", source: "default", ok: false, reason: "it answers with 503", lastSuccessTime: null },
    { name: "kubernetes", source: "", ...unseen },
  ];
  assert.equal(
    await ready(),
    "503 not ready: no snapshot yet; registry: it answers with 503; kubernetes: no answer yet",
  );
  state.sources = ["scipy", "rapids"].map((source) => ({ ...unseen, name: "registry", source }));
  assert.equal(
    await ready(),
    "503 not ready: no snapshot yet; registry:scipy: no answer yet; registry:rapids: no answer yet",
  );
  assert.equal((await ask(port, "/spawner/v1/images")).status, 503);
  server.drain();
  assert.equal(await ready(), "503 not ready: the server is shutting down");
});

test("metrics are passed on with their type", async (t) => {
  const { port } = await startHttp(t);
  const { body, headers } = await ask(port, "/metrics");
  assert.equal(body, "a_metric 1\n");
  assert.equal(headers["content-type"], "text/plain; version=0.0.4");
});

test("the original's routes answer with its JSON", async (t) => {
  const { port } = await startHttp(t);
  const images = await ask(port, "/spawner/v1/images");
  const weekly = {
    reference: "r.example.org/a/b:w_2077_43",
    tag: "w_2077_43",
    name: "Weekly 2077_43",
    digest: "sha256:1",
    aliases: [],
    prepulled: true,
  };
  const release = { ...weekly, reference: "r.example.org/a/b:r1_0_0", tag: "r1_0_0", name: "Release r1.0.0" };
  const missing = { ...release, digest: "sha256:2", prepulled: false };
  assert.equal(images.headers["content-type"], "application/json");
  assert.deepEqual(JSON.parse(images.body), {
    latest_weekly: weekly,
    latest_release: missing,
    all: [missing, weekly],
  });
  const prepulls: unknown = JSON.parse((await ask(port, "/spawner/v1/prepulls")).body);
  assert.ok(typeof prepulls === "object" && prepulls !== null);
  assert.equal(Reflect.get(Reflect.get(prepulls, "config"), "refresh_interval"), 90.5);
  assert.deepEqual(Reflect.get(prepulls, "nodes"), [
    { name: "B", eligible: false, comment: "Node is tainted (NoSchedule, k)", cached: [] },
    { name: "a", eligible: true, comment: null, cached: ["r.example.org/a/b:w_2077_43"] },
  ]);
});

for (const path of ["/spawner/v1/images", "/spawner/v1/prepulls"]) {
  test(`${path} has an entity tag that changes with the answer`, async (t) => {
    const { port, state } = await startHttp(t);
    const first = await ask(port, path);
    const etag = String(first.headers.etag);
    for (const known of [etag, `W/${etag}`, `"other", ${etag}`, "*"]) {
      const again = await ask(port, path, { "if-none-match": known });
      assert.deepEqual([again.status, again.body, again.headers.etag], [304, "", etag]);
    }
    state.snapshot = snapshotOf({ ...WORLD, nodes: { a: [] } }, 2);
    const changed = await ask(port, path, { "if-none-match": etag });
    assert.equal(changed.status, 200);
    assert.notEqual(changed.headers.etag, etag);
    assert.notEqual(changed.body, first.body);
  });
}

test("HEAD gives the headers alone", async (t) => {
  const { port } = await startHttp(t);
  const { body } = await ask(port, "/spawner/v1/images");
  const head = await ask(port, "/spawner/v1/images", {}, "HEAD");
  assert.deepEqual([head.body, head.headers["content-length"]], ["", String(Buffer.byteLength(body))]);
  assert.equal((await ask(port, "/livez", {}, "HEAD")).body, "");
});

test("what is not there, not allowed or too long is refused in plain words", async (t) => {
  const { port } = await startHttp(t);
  const unknown = await ask(port, "/nothing");
  assert.deepEqual([unknown.status, unknown.body], [404, "there is nothing here\n"]);
  assert.equal((await ask(port, "/hooks/registry", {}, "POST")).status, 404);
  const posted = await ask(port, "/livez", {}, "POST");
  assert.deepEqual([posted.status, posted.headers.allow], [405, "GET, HEAD"]);
  assert.equal((await ask(port, `/livez?${"x".repeat(3_000)}`)).status, 414);
  assert.equal((await ask(port, `/livez?${"x".repeat(9_000)}`)).status, 431);
  assert.equal((await ask(port, "/__proto__")).status, 404);
});

test("F40: the original's routes alone stand behind the path prefix", async (t) => {
  const { port } = await startHttp(t, { pathPrefix: "/nublado", hook: hookThatAccepts });
  for (const path of ["/spawner/v1/images", "/spawner/v1/prepulls"]) {
    assert.equal((await ask(port, `/nublado${path}`)).status, 200);
    assert.equal((await ask(port, path)).status, 404);
  }
  for (const path of ["/livez", "/readyz", "/metrics"]) {
    assert.equal((await ask(port, path)).status, 200);
    assert.equal((await ask(port, `/nublado${path}`)).status, 404);
  }
  assert.equal((await ask(port, "/hooks/registry", {}, "POST")).status, 202);
});

test("on loopback only requests under local names are served", async (t) => {
  const { port } = await startHttp(t);
  for (const host of [
    "localhost",
    "LOCALHOST:8080",
    "127.0.0.1:1",
    "[::1]:80",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]:80",
    "labs.localhost",
  ]) {
    assert.equal((await ask(port, "/livez", { host })).status, 200, host);
  }
  for (const host of ["evil.example.org", "127.0.0.1.evil.org", "localhost.evil.org:80", "10.0.0.1"]) {
    assert.equal((await ask(port, "/livez", { host })).status, 421, host);
  }
});

test("beyond loopback images are served only where anonymous reading is allowed", async (t) => {
  const everywhere = { listen: { host: "0.0.0.0", port: 0 }, hook: hookThatAccepts };
  const closed = await startHttp(t, everywhere);
  const host = "lab-images.example.org";
  for (const path of ["/livez", "/readyz", "/metrics"])
    assert.equal((await ask(closed.port, path, { host })).status, 200);
  assert.equal((await ask(closed.port, "/hooks/registry", { host }, "POST")).status, 202);
  for (const path of ["/spawner/v1/images", "/spawner/v1/prepulls"]) {
    const { status, body } = await ask(closed.port, path);
    assert.equal(status, 403);
    assert.match(body, /http\.allowAnonymousRead/);
  }
  const open = await startHttp(t, { ...everywhere, allowAnonymousRead: true });
  assert.equal((await ask(open.port, "/spawner/v1/images", { host })).status, 200);
});

const hookThatAccepts: HttpServerOptions["hook"] = (_request, response) => {
  response.writeHead(202).end();
};

test("a handler that fails answers with an id that is in the log, and nothing of the error", async (t) => {
  const failures: HttpServerOptions["hook"][] = [
    () => {
      throw new Error("secret detail");
    },
    () => Promise.reject(new Error("secret detail")),
  ];
  for (const hook of failures) {
    const { port, sink } = await startHttp(t, { hook });
    const { status, body } = await ask(port, "/hooks/registry", {}, "POST");
    assert.equal(status, 500);
    const [, id = ""] = /^internal error (\S+)\n$/.exec(body) ?? [];
    assert.match(sink.lines[0] ?? "", new RegExp(`secret detail.*"id":"${id}"`));
  }
});

test("a handler that fails in the middle of its answer cuts it", async (t) => {
  const { port } = await startHttp(t, {
    hook: (_request, response) => {
      response.writeHead(200, { "content-length": "10" }).write("12345");
      return Promise.reject(new Error("too late"));
    },
  });
  await assert.rejects(ask(port, "/hooks/registry", {}, "POST"), /aborted|socket hang up/);
});

test("stopping lets a request end, closes idle connections, and is done", async (t) => {
  const finish = Promise.withResolvers<void>();
  const { port, server } = await startHttp(t, {
    hook: async (_request, response) => {
      await finish.promise;
      response.writeHead(202).end();
    },
  });
  const idle = connect(port, "127.0.0.1");
  idle.write("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await once(idle, "data");
  const busy = connect(port, "127.0.0.1").setEncoding("utf8");
  busy.write("POST /hooks/registry HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
  await eventually(() => assert.equal(busy.bytesWritten > 0 && !busy.connecting, true));
  const stopping = server.stop(10_000);
  assert.equal(server.stop(10_000), stopping);
  await once(idle, "close");
  const answered = once(busy, "data");
  finish.resolve();
  assert.match(String((await answered)[0]), /^HTTP\/1\.1 202 /);
  await stopping;
  await once(busy, "close");
  await assert.rejects(ask(port, "/livez"), { code: "ECONNREFUSED" });
});

test("stopping cuts what does not end in time", async (t) => {
  const started = Promise.withResolvers<void>();
  const { port, server } = await startHttp(t, { hook: () => started.resolve() });
  const stuck = ask(port, "/hooks/registry", {}, "POST");
  const refused = assert.rejects(stuck, /socket hang up|ECONNRESET/);
  await started.promise;
  await server.stop(20);
  await refused;
});

test("a port that is taken is reported", async (t) => {
  const holder = createServer().listen(0, "127.0.0.1");
  await once(holder, "listening");
  t.after(() => holder.close());
  const { port } = holder.address() as AddressInfo;
  await assert.rejects(startHttp(t, { listen: { host: "127.0.0.1", port } }), { code: "EADDRINUSE" });
});
