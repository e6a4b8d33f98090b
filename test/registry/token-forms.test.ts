import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { describe, test } from "node:test";
import { deflateRawSync, gzipSync } from "node:zlib";
import { BASIC, startChallengingRegistry } from "./challenging-registry.ts";
import { registryWith } from "./source-under-test.ts";
import { account, IDENTITY } from "./source-with-secrets.ts";

const challenges = ['Bearer realm="ORIGIN/token",service="s"'];
const accepts = "Bearer t";

function basicOf(name: string, password: string): string {
  return `Basic ${Buffer.from(`${name}:${password}`).toString("base64")}`;
}

describe("answers of token services", () => {
  const bodies: readonly (readonly [string, string | Buffer, Record<string, string>?, number?])[] = [
    ["token and access_token", '{"token":"t","access_token":"other"}'],
    ["access_token alone", '{"access_token":"t","token_type":"Bearer","expires_in":300}'],
    ["an empty token beside an access_token", '{"token":"","access_token":"t"}'],
    ["token: null beside an access_token", '{"token":null,"access_token":"t"}'],
    ["a lifetime as text", '{"token":"t","expires_in":"300","issued_at":"2077-10-23T00:00:00Z"}'],
    ["a lifetime of null", '{"token":"t","expires_in":null}'],
    ["white space around the token", '{"token":"  t\\n"}'],
    ["a byte order mark", `\uFEFF{"token":"t"}`],
    ["a type of text", '{"token":"t"}', { "content-type": "text/plain" }],
    ["gzip", gzipSync('{"token":"t"}'), { "content-encoding": "gzip" }],
    ["deflate without its header", deflateRawSync('{"token":"t"}'), { "content-encoding": "deflate" }],
    ["201", '{"token":"t"}', {}, 201],
  ];
  for (const [name, body, headers = {}, status = 200] of bodies) {
    test(`F13: ${name}`, async (context) => {
      const token = (_request: IncomingMessage, response: ServerResponse) =>
        response.writeHead(status, headers).end(body);
      const { list } = await startChallengingRegistry(context, { challenges, accepts, token });
      assert.deepEqual(await list(), ["a"]);
    });
  }
});

describe("redirects of token services", () => {
  for (const status of [301, 302, 303, 307, 308]) {
    test(`F13: ${status} on their own host is followed, with credentials`, async (context) => {
      const { list, tokenRequests } = await startChallengingRegistry(context, {
        challenges,
        accepts,
        credentials: account,
        token(request, response) {
          const url = new URL(request.url ?? "", "http://none");
          if (url.pathname === "/token/moved") response.end('{"token":"t"}');
          else response.writeHead(status, { location: `/token/moved${url.search}` }).end();
        },
      });
      assert.deepEqual(await list(), ["a"]);
      const asked = tokenRequests.map(({ url, authorization }) => [url.pathname, url.search, authorization]);
      const query = "?service=s&scope=repository%3Alab%2Fsketchbook%3Apull";
      assert.deepEqual(asked, [
        ["/token", query, BASIC],
        ["/token/moved", query, BASIC],
      ]);
    });
  }

  test("F13: an identity token is sent along by the same method", async (context) => {
    const { list, tokenRequests } = await startChallengingRegistry(context, {
      challenges,
      accepts,
      credentials: { identitytoken: IDENTITY },
      token(request, response) {
        if (request.url === "/token/moved") response.end('{"token":"t"}');
        else response.writeHead(308, { location: "/token/moved" }).end();
      },
    });
    assert.deepEqual(await list(), ["a"]);
    assert.deepEqual(
      tokenRequests.map(({ method, body }) => [method, body.includes(IDENTITY)]),
      [
        ["POST", true],
        ["POST", true],
      ],
    );
  });

  test("F13: to another host are refused, and name the key that allows it", async (context) => {
    const stranger = await registryWith(context, []);
    stranger.behaviour.intercept = (_request, response) => response.end('{"token":"t"}') !== undefined;
    const setting = (location: string, credentials: object | undefined) => ({
      challenges,
      accepts,
      ...(credentials === undefined ? {} : { credentials }),
      token: (_request: IncomingMessage, response: ServerResponse) => response.writeHead(307, { location }).end(),
    });
    for (const credentials of [undefined, account]) {
      const { list } = await startChallengingRegistry(context, setting(`${stranger.url}/token`, credentials));
      await assert.rejects(
        list(),
        /redirects to another host, 127\.0\.0\.1:\d+; images\.source\.tokenHosts does not allow it$/,
      );
    }
    assert.equal(stranger.requests.length, 0);
    const source = { tokenHosts: [stranger.host] };
    const allowed = await startChallengingRegistry(context, { ...setting(`${stranger.url}/token`, account), source });
    assert.deepEqual(await allowed.list(), ["a"]);
    assert.equal(stranger.requests[0]?.authorization, "basic");
  });

  test("F13: that lead nowhere, or on without end, are named", async (context) => {
    for (const [headers, pattern] of [
      [{}, /redirects to nowhere$/],
      [{ location: "http://[" }, /redirects to nowhere$/],
      [{ location: "/token" }, /redirects more than 5 times$/],
      [{ location: "ftp://HOST/token" }, /redirects to another host/],
    ] as const) {
      const { list } = await startChallengingRegistry(context, {
        challenges,
        accepts,
        token: (_request, response) => response.writeHead(307, headers).end(),
      });
      await assert.rejects(list(), pattern);
    }
  });
});

describe("identity tokens at services without their exchange", () => {
  for (const status of [400, 401, 404, 405, 501]) {
    test(`F13: a POST that is answered with ${status} is followed by a GET`, async (context) => {
      for (const [entry, name] of [
        [{ identitytoken: IDENTITY }, "<token>"],
        [{ identitytoken: IDENTITY, username: "robot" }, "robot"],
        [{ identitytoken: IDENTITY, auth: Buffer.from("robot:").toString("base64") }, "robot"],
      ] as const) {
        const { list, tokenRequests } = await startChallengingRegistry(context, {
          challenges,
          accepts,
          credentials: entry,
          token(request, response) {
            if (request.method === "POST") response.writeHead(status).end();
            else response.end('{"token":"t"}');
          },
        });
        assert.deepEqual(await list(), ["a"]);
        assert.deepEqual(
          tokenRequests.map(({ method, authorization }) => [method, authorization]),
          [
            ["POST", ""],
            ["GET", basicOf(name, IDENTITY)],
          ],
        );
      }
    });
  }

  test("F13: two scopes are one text in the form of the exchange", async (context) => {
    const { list, tokenRequests } = await startChallengingRegistry(context, {
      challenges: ['Bearer realm="ORIGIN/token",scope="repository:a:pull repository:b:pull"'],
      accepts,
      credentials: { identitytoken: IDENTITY },
    });
    assert.deepEqual(await list(), ["a"]);
    assert.equal(new URLSearchParams(tokenRequests[0]?.body).get("scope"), "repository:a:pull repository:b:pull");
  });

  test("F13: refused by both, the refusal is named", async (context) => {
    const { list } = await startChallengingRegistry(context, {
      challenges,
      accepts,
      credentials: { identitytoken: IDENTITY },
      token: (_request, response) => response.writeHead(403).end(),
    });
    await assert.rejects(list(), /refuses the configured credentials \(403\)$/);
  });
});

test("F13: a registry token is sent as it is, whatever token service is named", async (context) => {
  const { list, tokenRequests } = await startChallengingRegistry(context, {
    challenges: ['Bearer realm="https://elsewhere.example/token"'],
    accepts: `Bearer ${IDENTITY}`,
    credentials: { registrytoken: IDENTITY },
  });
  assert.deepEqual(await list(), ["a"]);
  assert.equal(tokenRequests.length, 0);
});
