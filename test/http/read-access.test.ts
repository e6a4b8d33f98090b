import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { HttpServerOptions } from "../../src/http/server.ts";
import { accountName, callerWorld, tokenOf } from "../support/callers.ts";
import { eventually } from "../support/eventually.ts";
import { startHttp } from "./support/running-server.ts";

const HEADER = "X-Forwarded-User";
const PROXY = { trustedHeader: "x-forwarded-user", trustedProxies: ["10.0.0.0/8", "127.0.0.1"] };
const STRANGER = { ...PROXY, trustedProxies: ["10.0.0.0/8", "fd00::1"] };

function callers() {
  const world = callerWorld([
    { kind: "account", name: accountName("reader"), permissions: ["read"] },
    { kind: "account", name: accountName("puller"), permissions: ["prepull"] },
  ]);
  for (const name of ["reader", "puller"]) world.accounts.set(tokenOf(name), accountName(name));
  return world;
}

async function statusOf(
  context: TestContext,
  options: Partial<HttpServerOptions>,
  headers: Readonly<Record<string, string>> = {},
) {
  const { port } = await startHttp(context, options);
  const open = await fetch(`http://127.0.0.1:${port}/livez`);
  assert.equal(open.status, 200, "probes need no caller");
  const response = await fetch(`http://127.0.0.1:${port}/spawner/v1/images`, { headers: { ...headers } });
  return { status: response.status, text: await response.text() };
}

const CASES: readonly (readonly [string, Partial<HttpServerOptions>, Readonly<Record<string, string>>, number])[] = [
  ["on loopback without callers, anybody", {}, {}, 200],
  ["with callers, nobody", { auth: callers().authorizer }, {}, 401],
  ["with callers, a token that is not valid", { auth: callers().authorizer }, { authorization: "Bearer a.b.c" }, 401],
  ["with callers, basic credentials", { auth: callers().authorizer }, { authorization: "Basic YTpi" }, 401],
  [
    "with callers, one that may read",
    { auth: callers().authorizer },
    { authorization: `Bearer ${tokenOf("reader")}` },
    200,
  ],
  [
    "with callers, one that may only prepull",
    { auth: callers().authorizer },
    { authorization: `Bearer ${tokenOf("puller")}` },
    403,
  ],
  ["with callers and anonymous reading, anybody", { auth: callers().authorizer, allowAnonymousRead: true }, {}, 200],
  ["a trusted proxy that names a user", { trusted: PROXY }, { [HEADER]: "alice" }, 200],
  ["a trusted proxy that names nobody", { trusted: PROXY }, {}, 401],
  ["a trusted proxy that names an empty user", { trusted: PROXY }, { [HEADER]: " " }, 401],
  ["a trusted proxy that passes a client's header on", { trusted: PROXY }, { [HEADER]: "mallory, alice" }, 401],
  ["another peer with the header", { trusted: STRANGER }, { [HEADER]: "alice" }, 403],
  [
    "another peer with the header and a token",
    { trusted: STRANGER, auth: callers().authorizer },
    { [HEADER]: "alice", authorization: `Bearer ${tokenOf("reader")}` },
    403,
  ],
  [
    "another peer with a token",
    { trusted: STRANGER, auth: callers().authorizer },
    { authorization: `Bearer ${tokenOf("reader")}` },
    200,
  ],
];

for (const [who, options, headers, expected] of CASES) {
  test(`HTTP: ${who}: ${expected}`, async (context) => {
    const { status, text } = await statusOf(context, options, headers);
    assert.equal(status, expected, text);
  });
}

test("HTTP: a denial names who was seen and what is lacking; while tokens cannot be reviewed nobody reads", async (context) => {
  const world = callers();
  const denied = await statusOf(context, { auth: world.authorizer }, { authorization: `Bearer ${tokenOf("puller")}` });
  assert.match(denied.text, /system:serviceaccount:labs:puller lacks the permission read/);
  world.isDown = true;
  const down = await statusOf(context, { auth: world.authorizer }, { authorization: `Bearer ${tokenOf("reader")}` });
  assert.equal(down.status, 503);
});

test("at debug each request is logged with its end and its peer, and never with a token", async (context) => {
  const { port, sink } = await startHttp(context, { auth: callers().authorizer, logsRequests: true });
  const headers = { authorization: `Bearer ${tokenOf("puller")}` };
  await (await fetch(`http://127.0.0.1:${port}/spawner/v1/images?a=b`, { headers })).text();
  const [line] = await eventually(() => {
    assert.equal(sink.lines.length, 1);
    return sink.lines.map((each): Record<string, unknown> => JSON.parse(each));
  });
  const { level, msg, method, path, status, peer } = line ?? {};
  assert.deepEqual(
    [level, msg, method, path, status, peer],
    ["debug", "request finished", "GET", "/spawner/v1/images?a=b", 403, "127.0.0.1"],
  );
  assert.ok(!sink.lines.join().includes(tokenOf("puller")));
});

test("HTTP: a token is accepted on the loopback address of IPv6, too", async (context) => {
  const { port } = await startHttp(context, { auth: callers().authorizer, listen: { host: "::1", port: 0 } });
  const headers = { authorization: `Bearer ${tokenOf("reader")}` };
  const response = await fetch(`http://[::1]:${port}/spawner/v1/images`, { headers });
  assert.equal(response.status, 200, await response.text());
});
