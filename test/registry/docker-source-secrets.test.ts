import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { describe, it, type TestContext } from "node:test";
import { RegistryUnavailableError } from "../../src/domain/errors.ts";
import { REPOSITORY, registryWith, sourceFor, unhurried } from "./source-under-test.ts";
import { account, credentialsFile, IDENTITY, sourceWithSecrets } from "./source-with-secrets.ts";

describe("credentials stay where they belong (R3)", () => {
  /** A host that is not ours: keeps every byte of every request's head and body. */
  async function startStranger(context: TestContext) {
    const stranger = await registryWith(context, []);
    const received: string[] = [];
    stranger.behaviour.intercept = (request: IncomingMessage, response: ServerResponse) => {
      received.push(`${request.url} ${JSON.stringify(request.rawHeaders)}`);
      request.on("data", (chunk: Buffer) => received.push(chunk.toString()));
      response.end('{"token":"from a stranger"}');
      return true;
    };
    return { stranger, received };
  }

  for (const credentials of [account, { identitytoken: IDENTITY }]) {
    const whose = Object.keys(credentials).join(" and ");
    it(`with ${whose}, a realm on another host is refused, and the refusal names the key`, async (context) => {
      const { stranger, received } = await startStranger(context);
      const { denied } = await sourceWithSecrets(context, {
        auth: { kind: "bearer", account, realm: `${stranger.url}/token` },
        credentials,
      });
      await denied(/token service on another host, 127\.0\.0\.1:\d+; images\.source\.tokenHosts does not allow it$/);
      assert.deepEqual(received, []);
    });
  }

  it("a realm on another host is used where the configuration allows it", async (context) => {
    const realm = await registryWith(context, []);
    const registry = await registryWith(context, ["a"]);
    realm.behaviour.intercept = (request, response) => {
      assert.match(request.headers.authorization ?? "", /^Basic /);
      response.end('{"token":"foreign"}');
      return true;
    };
    registry.behaviour.intercept = (request, response) => {
      if (request.headers.authorization === "Bearer foreign") return false;
      const challenge = `Bearer realm="${realm.url}/token"`;
      response.writeHead(401, { "www-authenticate": challenge }).end();
      return true;
    };
    const source = sourceFor(context, {
      registry: registry.host,
      tokenHosts: [realm.host],
      credentialsPath: await credentialsFile(context, registry.host, account),
    });
    assert.equal((await source.listTags(unhurried)).length, 1);
    const { searchParams } = new URL(realm.requests[0]?.path ?? "", realm.url);
    assert.equal(searchParams.get("scope"), `repository:${REPOSITORY}:pull`);
    assert.equal(searchParams.has("service"), false);
  });

  it("a realm that is not https, or no URL, is refused", async (context) => {
    const realms: [string, RegExp][] = [
      ["http://registry.example/token", /a token service that is not https, on registry\.example$/],
      ["ftp://127.0.0.1/token", /not https/],
      ["http://[", /a token service that is no URL$/],
    ];
    for (const [realm, pattern] of realms) {
      const { denied, registry } = await sourceWithSecrets(context, {
        auth: { kind: "bearer", account, realm },
        credentials: account,
        source: { tokenHosts: ["registry.example", "registry.example:80"] },
      });
      await denied(pattern);
      assert.equal(registry.requests.length, 1);
    }
  });

  it("neither a redirect nor a Link carries them, not even inside the origin", async (context) => {
    const { stranger, received } = await startStranger(context);
    const { registry, failure, denied } = await sourceWithSecrets(context, {
      auth: { kind: "basic", ...account },
      credentials: account,
    });
    const astray = (headers: Record<string, string>, status: number) => {
      registry.behaviour.intercept = (request, response) => {
        if (request.headers.authorization === undefined) return false;
        response.writeHead(status, headers).end('{"tags":["a"]}');
        return true;
      };
    };
    astray({ location: `${stranger.url}/v2/` }, 307);
    await failure(RegistryUnavailableError, /redirects to another origin/);
    astray({ link: `<${stranger.url}/v2/?next>; rel="next"` }, 200);
    await failure(RegistryUnavailableError, /pagination loop/);
    assert.deepEqual(received, []);
    registry.clearRequests();
    astray({ location: "/v2/elsewhere/tags/list" }, 302);
    await denied(/wants credentials behind a redirect, where they are not sent$/);
    assert.deepEqual(registry.requests.at(-1)?.authorization, null);
    assert.equal(registry.requests.at(-1)?.path, "/v2/elsewhere/tags/list");
  });
});
