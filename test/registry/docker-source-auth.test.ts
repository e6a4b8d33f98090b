import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { describe, it } from "node:test";
import { RegistryUnavailableError } from "../../src/domain/errors.ts";
import { manualClock } from "../support/manual-clock.ts";
import { REPOSITORY, unhurried } from "./source-under-test.ts";
import { account, IDENTITY, sourceWithSecrets } from "./source-with-secrets.ts";

const LIST = `/v2/${REPOSITORY}/tags/list`;

describe("bearer tokens (R2)", () => {
  it("are asked for once, anonymously, and kept for all that follows", async (context) => {
    const { registry, list, paths, source } = await sourceWithSecrets(context, { auth: { kind: "bearer" } });
    assert.deepEqual(await list(), ["a", "b"]);
    assert.deepEqual(paths(), [`${LIST} 401`, "/token 200", `${LIST} 200`, `${LIST} 200`]);
    await source.resolveTags(["a", "b"], unhurried);
    await list();
    assert.equal(registry.tokensIssued, 1);
    assert.equal(registry.requests.filter(({ status }) => status === 401).length, 1);
  });

  it("carry commas of the challenge over to the realm", async (context) => {
    const { registry, list } = await sourceWithSecrets(context, { auth: { kind: "bearer" } });
    await list();
    const asked = registry.requests.find(({ path }) => path.startsWith("/token"));
    const { searchParams } = new URL(asked?.path ?? "", registry.url);
    assert.equal(searchParams.get("service"), "registry, simulated");
    assert.equal(searchParams.get("scope"), `repository:${REPOSITORY}:pull`);
  });

  it("are renewed before they expire, without a refused request", async (context) => {
    const clock = manualClock();
    const { registry, list } = await sourceWithSecrets(context, {
      auth: { kind: "bearer", lifetimeSeconds: 60, tellsLifetime: false, field: "access_token" },
      registryOptions: { now: () => clock.wallTime() },
      source: { clock },
    });
    await list();
    await clock.advance(47_000);
    await list();
    assert.equal(registry.tokensIssued, 1);
    clock.stepWallTime(-1);
    await clock.advance(2_000);
    await list();
    assert.equal(registry.tokensIssued, 2);
    await clock.advance(3_600_000);
    await list();
    assert.equal(registry.requests.filter(({ status }) => status === 401).length, 1);
  });

  for (const expiredStatus of [401, 400] as const) {
    it(`that the registry refuses with ${expiredStatus} are renewed once for all requests under way`, async (context) => {
      const { registry, source, list } = await sourceWithSecrets(context, {
        auth: { kind: "bearer", account, expiredStatus },
        credentials: account,
      });
      await list();
      const tags = Array.from({ length: 40 }, (_, index) => `w_${index}`);
      for (const tag of tags) registry.push(REPOSITORY, tag);
      registry.expireTokens();
      assert.equal((await source.resolveTags(tags, unhurried)).size, 40);
      assert.equal(registry.tokensIssued, 2);
    });
  }

  it("that come again as they were do not make a denial of a request that is refused for itself", async (context) => {
    const { registry, list } = await sourceWithSecrets(context, { auth: { kind: "bearer" } });
    registry.behaviour.intercept = (request, response) => {
      if (request.url?.startsWith("/token") === true) response.end('{"token":"always-the-same"}');
      else if (request.headers.authorization === undefined) return false;
      else if (request.url?.includes("n=") === true) response.writeHead(400).end();
      else response.end('{"tags":["a"]}');
      return true;
    };
    // The first time the token is new, from then on it is sent at once.
    for (let time = 0; time < 2; time += 1) assert.deepEqual(await list(), ["a"]);
  });

  it("that are refused for ever end in one renewal and a clear word", async (context) => {
    const { registry, denied, paths } = await sourceWithSecrets(context, {
      auth: { kind: "bearer", lifetimeSeconds: -1 },
    });
    await denied(/^127\.0\.0\.1:\d+ refuses anonymous access \(401\)$/);
    assert.deepEqual(paths(), [`${LIST} 401`, "/token 200", `${LIST} 401`]);
    registry.clearRequests();
    await denied(/refuses anonymous access/);
    assert.ok(registry.requests.length <= 4);
    const known = await sourceWithSecrets(context, {
      auth: { kind: "bearer", account, lifetimeSeconds: -1 },
      credentials: account,
    });
    await known.denied(/refuses the configured credentials \(401\)$/);
  });

  it("are had for an account, or for an identity token by POST", async (context) => {
    const withAccount = await sourceWithSecrets(context, { auth: { kind: "bearer", account }, credentials: account });
    assert.deepEqual(await withAccount.list(), ["a", "b"]);
    const exchanged = await sourceWithSecrets(context, {
      auth: { kind: "bearer", identityToken: IDENTITY },
      credentials: { identitytoken: IDENTITY, username: "<token>" },
    });
    assert.deepEqual(await exchanged.list(), ["a", "b"]);
    assert.equal(exchanged.registry.requests[1]?.method, "POST");
    assert.equal(exchanged.registry.requests[1]?.path, "/token");
  });

  it("that are not given are a refusal of anonymous access or of the credentials", async (context) => {
    const anonymous = await sourceWithSecrets(context, { auth: { kind: "bearer", account } });
    await anonymous.denied(/^the token service on 127\.0\.0\.1:\d+ refuses anonymous access \(401\)$/);
    const wrong = await sourceWithSecrets(context, {
      auth: { kind: "bearer", account: { ...account, username: "other" } },
      credentials: account,
    });
    await wrong.denied(/refuses the configured credentials \(401\)$/);
    const exchange = await sourceWithSecrets(context, {
      auth: { kind: "bearer", account },
      credentials: { identitytoken: IDENTITY },
    });
    await exchange.denied(/refuses the configured credentials/);
  });

  it("in an answer of another form are not used", async (context) => {
    const { registry, failure, list } = await sourceWithSecrets(context, { auth: { kind: "bearer" } });
    const answers: [number, string, RegExp][] = [
      [200, "<html>", /answers without a token$/],
      [200, "null", /answers without a token$/],
      [200, "{}", /answers without a token$/],
      [200, '{"token":""}', /answers without a token$/],
      [200, '{"token":"a\\r\\nx: canary"}', /answers without a token$/],
      [404, "{}", /answers 404$/],
      [304, "{}", /answers 304$/],
      [500, "{}", /answers 500$/],
    ];
    for (const [status, body, pattern] of answers) {
      registry.behaviour.intercept = (request, response) => {
        if (request.url?.startsWith("/token") !== true) return false;
        response.writeHead(status).end(body);
        return true;
      };
      await failure(RegistryUnavailableError, pattern);
    }
    registry.behaviour.intercept = null;
    assert.deepEqual(await list(), ["a", "b"]);
  });

  it("live as long as they say, within reason", async (context) => {
    const clock = manualClock();
    const { registry, list } = await sourceWithSecrets(context, { auth: { kind: "bearer" }, source: { clock } });
    for (const [told, goodForMs] of [
      ["1e99", 3_570_000],
      ['"nonsense"', 48_000],
      ["-5", 48_000],
      ["10", 8_000],
    ] as const) {
      let asked = 0;
      registry.behaviour.intercept = (request, response) => {
        if (request.url?.startsWith("/token") === true) {
          asked += 1;
          response.end(`{"token":"t${asked}","expires_in":${told}}`);
          return true;
        }
        if (request.headers.authorization === undefined) return false;
        response.end('{"tags":[]}');
        return true;
      };
      await clock.advance(3_600_000);
      await list();
      await clock.advance(goodForMs - 1);
      await list();
      assert.equal(asked, 1, told);
      await clock.advance(1);
      await list();
      assert.equal(asked, 2, told);
    }
  });
});

describe("basic authentication (R2)", () => {
  it("is offered once it is asked for, and from then on at once", async (context) => {
    const { registry, list } = await sourceWithSecrets(context, {
      auth: { kind: "basic", ...account },
      credentials: account,
    });
    assert.deepEqual(await list(), ["a", "b"]);
    assert.deepEqual(await list(), ["a", "b"]);
    assert.deepEqual(
      registry.requests.map(({ status, authorization }) => `${status} ${authorization}`),
      ["401 null", ...Array<string>(4).fill("200 basic")],
    );
  });

  it("is refused in clear words without, or with wrong credentials", async (context) => {
    const without = await sourceWithSecrets(context, { auth: { kind: "basic", ...account } });
    await without.denied(/wants a name and a password, and none are configured for it$/);
    const token = await sourceWithSecrets(context, {
      auth: { kind: "basic", ...account },
      credentials: { identitytoken: IDENTITY },
    });
    await token.denied(/wants a name and a password/);
    const wrong = await sourceWithSecrets(context, {
      auth: { kind: "basic", ...account, password: "other" },
      credentials: account,
    });
    await wrong.denied(/refuses the configured credentials \(401\)$/);
    await wrong.denied(/refuses the configured credentials \(401\)$/);
    assert.equal(wrong.registry.requests.length, 4);
  });

  it("follows a credentials file that changes", async (context) => {
    const { list, denied, credentialsPath, registry } = await sourceWithSecrets(context, {
      auth: { kind: "basic", ...account },
      credentials: { ...account, password: "old" },
    });
    await denied(/refuses the configured credentials/);
    await writeFile(credentialsPath ?? "", JSON.stringify({ auths: { [registry.host]: account } }));
    assert.deepEqual(await list(), ["a", "b"]);
  });

  it("drops the tokens of credentials that have changed", async (context) => {
    const { list, credentialsPath, registry } = await sourceWithSecrets(context, {
      auth: { kind: "bearer", account },
      credentials: account,
    });
    await list();
    await writeFile(credentialsPath ?? "", JSON.stringify({ auths: { [registry.host]: { ...account, email: "x" } } }));
    await list();
    assert.equal(registry.tokensIssued, 2);
  });

  it("is not tried with a credentials file that cannot be read", async (context) => {
    const { denied, registry } = await sourceWithSecrets(context, {
      auth: { kind: "none" },
      source: { credentialsPath: "/nonexistent/missing.json" },
    });
    await denied(/^images\.dockerCredentialsPath cannot be read \(ENOENT\)$/);
    assert.equal(registry.requests.length, 0);
  });
});

describe("refusals", () => {
  it("are a denial, and are not tried again", async (context) => {
    const { registry, denied } = await sourceWithSecrets(context, { auth: { kind: "none" } });
    const cases: [number, Record<string, string>, RegExp][] = [
      [403, {}, /refuses access to this repository \(403\)$/],
      [401, {}, /refuses access, and names no way in that is known here$/],
      [401, { "www-authenticate": "Negotiate" }, /names no way in that is known here$/],
      [401, { "www-authenticate": 'Bearer service="no realm"' }, /names no way in that is known here$/],
    ];
    for (const [status, headers, pattern] of cases) {
      registry.clearRequests();
      registry.behaviour.intercept = (_request, response) => {
        response.writeHead(status, headers).end();
        return true;
      };
      await denied(pattern);
      assert.equal(registry.requests.length, 1);
    }
  });
});
