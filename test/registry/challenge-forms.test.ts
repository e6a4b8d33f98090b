import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { describe, test } from "node:test";
import { BASIC, startChallengingRegistry } from "./challenging-registry.ts";
import { setProxies, startNetworkProxy } from "./network-proxy.ts";
import { REPOSITORY, registryWith, sourceFor, unhurried } from "./source-under-test.ts";
import { account, credentialsFile, IDENTITY } from "./source-with-secrets.ts";
import { authority, startTlsFront, testFile } from "./tls-front.ts";

/** The pattern, right after this text. */
function following(text: string, pattern: RegExp): RegExp {
  return new RegExp(`${text}${pattern.source}`);
}

describe("challenges in every form", () => {
  const usual = { service: "s", scopes: ["repository:other:pull"] };
  const cases: readonly (readonly [
    string,
    readonly string[],
    { service: string | null; scopes: readonly string[] },
  ])[] = [
    [
      "a relative realm",
      ['Bearer realm="/token",service="s"'],
      { service: "s", scopes: [`repository:${REPOSITORY}:pull`] },
    ],
    ["a realm without a path before it", ['Bearer realm="token",service="s",scope="repository:other:pull"'], usual],
    ["a realm without a scheme", ['Bearer realm="//HOST/token",service="s",scope="repository:other:pull"'], usual],
    [
      "a realm with a user name",
      ['Bearer realm="http://user@HOST/token",service="s",scope="repository:other:pull"'],
      usual,
    ],
    [
      "a realm with a name and password",
      ['Bearer realm="http://u:p@HOST/token",service="s",scope="repository:other:pull"'],
      usual,
    ],
    [
      "a realm with a query and a fragment",
      ['Bearer realm="ORIGIN/token?a=b#c",service="s",scope="repository:other:pull"'],
      usual,
    ],
    ["a realm in upper case", ['Bearer realm="HTTP://HOST/token",service="s",scope="repository:other:pull"'], usual],
    [
      "an empty scope",
      ['Bearer realm="ORIGIN/token",service="s",scope=""'],
      { service: "s", scopes: [`repository:${REPOSITORY}:pull`] },
    ],
    [
      "two scopes in one",
      ['Bearer realm="ORIGIN/token",scope="repository:a:pull repository:b:pull"'],
      { service: null, scopes: ["repository:a:pull", "repository:b:pull"] },
    ],
    [
      "two scopes",
      ['Bearer realm="ORIGIN/token",scope="repository:a:pull",scope="repository:b:pull"'],
      { service: null, scopes: ["repository:a:pull", "repository:b:pull"] },
    ],
    [
      "several actions",
      ['Bearer realm="ORIGIN/token",service="s",scope="repository:a:pull,push"'],
      { service: "s", scopes: ["repository:a:pull,push"] },
    ],
    [
      "no quotes",
      ["Bearer realm=ORIGIN/token,service=s,scope=repository:a:pull,push"],
      { service: "s", scopes: ["repository:a:pull,push"] },
    ],
    ["apostrophes", ["Bearer realm='ORIGIN/token',service='s',scope='repository:other:pull'"], usual],
    ["semicolons", ['Bearer realm="ORIGIN/token"; service="s"; scope="repository:other:pull"'], usual],
    ["no commas", ['Bearer realm="ORIGIN/token" service="s" scope="repository:other:pull"'], usual],
    [
      "white space around everything",
      ['  bearer   REALM = "ORIGIN/token" ,\t,Service= "s", scope ="repository:other:pull" , '],
      usual,
    ],
    ["a comma after the scheme", ['Bearer, realm="ORIGIN/token", service="s", scope="repository:other:pull"'], usual],
    ["escapes", ['Bearer realm="ORIGIN\\/token",service="\\s",scope="repository:other:pull"'], usual],
    [
      "an error besides",
      [
        'Bearer error="invalid_token",error_description="a, b",realm="ORIGIN/token",service="s",scope="repository:other:pull"',
      ],
      usual,
    ],
    [
      "another scheme before it",
      [
        'Negotiate YII=, Digest realm="x", nonce="y", Bearer realm="ORIGIN/token",service="s",scope="repository:other:pull"',
      ],
      usual,
    ],
    [
      "another header before it",
      ["NTLM", 'Bearer realm="ORIGIN/token",service="s",scope="repository:other:pull"'],
      usual,
    ],
    [
      "a header that cannot be read before it",
      ['"', 'Bearer realm="ORIGIN/token",service="s",scope="repository:other:pull"'],
      usual,
    ],
    [
      "a Basic that cannot be used before it",
      ['Basic realm="x"', 'Bearer realm="ORIGIN/token",service="s",scope="repository:other:pull"'],
      usual,
    ],
    [
      "a Bearer without realm before it",
      ['Bearer, Bearer realm="ORIGIN/token",service="s",scope="repository:other:pull"'],
      usual,
    ],
    [
      "a Bearer over plain http before it",
      [
        'Bearer realm="http://auth.example/token"',
        'Bearer realm="ORIGIN/token",service="s",scope="repository:other:pull"',
      ],
      usual,
    ],
    [
      "a Bearer that cannot be reached before it",
      [
        'Bearer realm="http://127.0.0.1:1/token"',
        'Bearer realm="ORIGIN/token",service="s",scope="repository:other:pull"',
      ],
      usual,
    ],
    [
      "the same twice",
      Array<string>(2).fill('Bearer realm="ORIGIN/token",service="s",scope="repository:other:pull"'),
      usual,
    ],
  ];
  for (const [name, challenges, { service, scopes }] of cases) {
    test(`F13: a challenge with ${name}`, async (context) => {
      const { list, tokenRequests } = await startChallengingRegistry(context, { challenges, accepts: "Bearer t" });
      assert.deepEqual(await list(), ["a"]);
      assert.equal(tokenRequests.length, 1);
      const [{ url, authorization } = { url: new URL("http://none"), authorization: "" }] = tokenRequests;
      assert.equal(url.pathname, "/token");
      assert.equal(url.searchParams.get("service"), service);
      assert.deepEqual(url.searchParams.getAll("scope"), scopes);
      assert.equal(authorization, "");
    });
  }

  const basicCases: readonly (readonly [string, readonly string[]])[] = [
    ["beside a Bearer on another host", ['Bearer realm="https://elsewhere.example/token"', "Basic"]],
    ["beside a Bearer over plain http", ['Bearer realm="http://elsewhere.example/token", Basic realm="r"']],
    ["beside a Bearer without realm", ['Basic realm="r", Bearer service="s"']],
    ["beside a Bearer whose token service refuses", ['Bearer realm="ORIGIN/token-refused"', 'Basic realm="r"']],
    ["beside a Bearer whose tokens the registry refuses", ['Bearer realm="ORIGIN/token"', 'Basic realm="r"']],
    ["without a realm", ["basic"]],
    ["after one that is unknown", ["Negotiate", "NTLM", "BASIC realm=r charset=UTF-8"]],
  ];
  for (const [name, challenges] of basicCases) {
    test(`F13: Basic ${name}`, async (context) => {
      const setting = {
        challenges,
        accepts: BASIC,
        credentials: account,
        token: (request: IncomingMessage, response: ServerResponse) => {
          if (request.url?.includes("refused") === true) response.writeHead(401).end();
          else response.end('{"token":"never good"}');
        },
      };
      const { list } = await startChallengingRegistry(context, setting);
      assert.deepEqual(await list(), ["a"]);
      assert.deepEqual(await list(), ["a"]);
    });
  }

  test("F13: a challenge that comes with 403", async (context) => {
    const setting = { challenges: ['Bearer realm="ORIGIN/token"'], accepts: "Bearer t", status: 403 };
    const { list } = await startChallengingRegistry(context, setting);
    assert.deepEqual(await list(), ["a"]);
  });

  test("F13: of challenges without number a few are tried", async (context) => {
    const challenges = Array.from({ length: 60 }, (_, index) => `Bearer realm="ORIGIN/token/${index}"`);
    const { list, tokenRequests } = await startChallengingRegistry(context, { challenges, accepts: "Bearer other" });
    await assert.rejects(list(), /refuses anonymous access \(401\)$/);
    assert.equal(tokenRequests.length, 4);
  });

  test("F13: where no way helps, the reason is that of the first", async (context) => {
    const cases: readonly (readonly [readonly string[], object | undefined, RegExp])[] = [
      [
        ['Bearer realm="https://elsewhere.example/t"', "Basic"],
        { identitytoken: IDENTITY },
        /on another host, elsewhere\.example; images/,
      ],
      [["Negotiate", "Basic"], undefined, /wants a name and a password, and none are configured for it$/],
      [["Negotiate"], undefined, /names no way in that is known here$/],
      [
        ['Bearer realm="ORIGIN/token"', "Basic"],
        account,
        /the token service on 127\.0\.0\.1:\d+ refuses the configured credentials \(401\)$/,
      ],
    ];
    for (const [challenges, credentials, pattern] of cases) {
      const { list } = await startChallengingRegistry(context, {
        challenges,
        accepts: "nothing",
        ...(credentials === undefined ? {} : { credentials }),
        token: (_request, response) => response.writeHead(401).end(),
      });
      await assert.rejects(list(), pattern);
    }
  });

  test("F13: hosts in upper case are the same hosts, in the configuration, the challenge and the credentials", async (context) => {
    const registry = await registryWith(context, ["a"], { auth: { kind: "bearer", account } });
    for (const [name, realmHost, key] of [
      ["LOCALHOST", "localhost", "localhost"],
      ["localhost", "LocalHost", "HTTP://LOCALHOST"],
      ["LocalHost", "LOCALHOST", "localhost"],
    ]) {
      registry.setAuth({ kind: "bearer", account, realm: `http://${realmHost}:${registry.port}/token` });
      const credentialsPath = await credentialsFile(context, `${key}:${registry.port}`, account);
      const source = sourceFor(context, { registry: `${name}:${registry.port}`, credentialsPath });
      assert.equal((await source.listTags(unhurried)).length, 1);
      // References keep the name that is configured.
      assert.equal(source.registry, `${name}:${registry.port}`);
    }
  });

  test("F13: missing credentials are reported with the likely cause", async (context) => {
    const registry = await registryWith(context, ["a"], { auth: { kind: "basic", ...account } });
    const { host } = registry;
    for (const [document, pattern] of [
      [{ auths: {} }, /$/],
      [{ auths: { [host]: {} } }, /$/],
      [
        { auths: { [host]: {} }, credHelpers: { [host]: "pass" } },
        /; the credentials file names a credential helper, which is not run$/,
      ],
      [{ auths: {}, credsStore: "desktop" }, /; the credentials file names a credential helper, which is not run$/],
      [
        { auths: { [host]: { auth: "***" } } },
        /; its entry in the credentials file holds neither a name with a password nor a token$/,
      ],
      [{ auths: { [host]: { username: "robot" } } }, /; its entry in the credentials file holds neither a name/],
    ] as const) {
      const credentialsPath = await testFile(context, JSON.stringify(document));
      const source = sourceFor(context, { registry: host, credentialsPath });
      registry.setAuth({ kind: "basic", ...account });
      await assert.rejects(source.listTags(unhurried), following("none are configured for it", pattern));
      // Anonymous tokens are had for the asking, or not, and are not enough.
      registry.setAuth({ kind: "bearer", account });
      await assert.rejects(source.listTags(unhurried), following("refuses anonymous access \\(401\\)", pattern));
      registry.setAuth({ kind: "bearer", lifetimeSeconds: -1 });
      await assert.rejects(source.listTags(unhurried), following("refuses anonymous access \\(401\\)", pattern));
    }
  });

  test("F13: behind a TLS proxy, a token service that the registry names by plain http is asked by https", async (context) => {
    const registry = await registryWith(context, ["a"], { auth: { kind: "bearer", account } });
    const front = await startTlsFront(context, registry.port);
    const proxy = await startNetworkProxy(context, { tunnel: () => front.port });
    setProxies(context, { HTTPS_PROXY: proxy.url });
    registry.setAuth({ kind: "bearer", account, realm: "http://registry.test/token" });
    const source = sourceFor(context, {
      registry: "registry.test",
      caFile: await testFile(context, authority.certificatePem),
      credentialsPath: await credentialsFile(context, "registry.test", account),
    });
    assert.equal((await source.listTags(unhurried)).length, 1);
    assert.deepEqual(new Set(proxy.asked), new Set(["CONNECT registry.test:443"]));
  });
});
