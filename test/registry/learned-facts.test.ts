import assert from "node:assert/strict";
import { once } from "node:events";
import { stat, utimes, writeFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { describe, test } from "node:test";
import { RegistryDeniedError, RegistryUnavailableError } from "../../src/domain/errors.ts";
import type { SimulatedRegistry } from "../../src/simulation/registry/oci-registry.ts";
import { eventually } from "../support/eventually.ts";
import { manualClock } from "../support/manual-clock.ts";
import { startServiceOn } from "./service-on-source.ts";
import { REPOSITORY, registryWith, sourceFor, unhurried } from "./source-under-test.ts";
import { answering, sourceWithFaults } from "./source-with-faults.ts";
import { account, sourceWithSecrets } from "./source-with-secrets.ts";

const LIST = `/v2/${REPOSITORY}/tags/list`;
const nobodysToken = "https://127.0.0.1:1/token";

/** Nothing learned from a registry or its token service outlives its first failure (faults, L1): docs/reliability.md. */
describe("what a registry has said", () => {
  const challenges: readonly (readonly [string, Record<string, string>, number?])[] = [
    ["a token service that cannot be reached", { "www-authenticate": `Bearer realm="${nobodysToken}"` }],
    ["a token service over plain http", { "www-authenticate": 'Bearer realm="http://registry.example/token"' }],
    ["a token service that is no URL", { "www-authenticate": 'Bearer realm="http://["' }],
    ["basic authentication", { "www-authenticate": 'Basic realm="a proxy in front"' }],
    ["a scheme that is not known", { "www-authenticate": "Negotiate" }],
    ["nothing", {}],
    ["a token service, with 403", { "www-authenticate": `Bearer realm="${nobodysToken}"` }, 403],
  ];
  for (const [name, headers, status = 401] of challenges) {
    test(`F1: an open registry that named ${name} for a while is asked again without credentials`, async (context) => {
      for (const entry of [null, account]) {
        const { registry, source, list } = await sourceWithSecrets(context, {
          auth: { kind: "none" },
          ...(entry === null ? {} : { credentials: entry }),
          source: { limits: { attempts: 2 } },
        });
        assert.deepEqual(await list(), ["a", "b"]);
        registry.behaviour.intercept = answering(status, headers, "");
        for (let time = 0; time < 2; time += 1) {
          await assert.rejects(
            source.listTags(unhurried),
            (error) => error instanceof RegistryDeniedError || error instanceof RegistryUnavailableError,
          );
        }
        registry.behaviour.intercept = null;
        registry.clearRequests();
        assert.deepEqual(await list(), ["a", "b"]);
        const asked = registry.requests.map(({ path, authorization }) => `${path.split("?", 1)[0]} ${authorization}`);
        assert.deepEqual(new Set(asked), new Set([`${LIST} null`]));
      }
    });
  }

  test("F1: a token service that moves is found where the registry says, however dead the old one is", async (context) => {
    const clock = manualClock();
    const tokenService = async (token: string) => {
      const service = await registryWith(context, []);
      service.behaviour.intercept = answering(200, {}, JSON.stringify({ token }));
      return service;
    };
    const [first, second] = [await tokenService("first"), await tokenService("second")];
    const registry = await registryWith(context, ["a"]);
    let current = { service: first, token: "first" };
    registry.behaviour.intercept = (request, response) => {
      if (request.headers.authorization === `Bearer ${current.token}`) return false;
      response.writeHead(401, { "www-authenticate": `Bearer realm="${current.service.url}/token"` }).end();
      return true;
    };
    const source = sourceFor(context, { registry: registry.host, clock, limits: { retryBaseMs: 0, retryMaxMs: 0 } });
    assert.equal((await source.listTags(unhurried)).length, 1);
    current = { service: second, token: "second" };
    first.behaviour.intercept = (_request, response) => response.socket?.destroy() !== undefined;
    first.clearRequests();
    await clock.advance(3_600_000);
    assert.equal((await source.listTags(unhurried)).length, 1);
    // Not as often as a token service that the registry has just named.
    assert.equal(first.requests.length, 1);
    assert.equal((await source.listTags(unhurried)).length, 1);
    assert.equal(second.requests.length, 1);
  });

  test("F1: a registry that authenticates in another way is asked in that way at once", async (context) => {
    const { registry, list } = await sourceWithSecrets(context, {
      auth: { kind: "bearer", account },
      credentials: account,
    });
    for (const auth of [
      { kind: "basic", ...account },
      { kind: "bearer", account },
      { kind: "bearer", account, service: "another" },
      { kind: "none" },
      { kind: "basic", ...account },
      { kind: "none" },
    ] as const) {
      registry.setAuth(auth);
      assert.deepEqual(await list(), ["a", "b"], JSON.stringify(auth));
    }
  });

  for (const [status, headers] of [
    [400, {}],
    [401, {}],
    [401, { "www-authenticate": `Bearer realm="${nobodysToken}"` }],
    [403, {}],
  ] as const) {
    test(`F1: a registry that is open now and refuses tokens with ${status} is asked without`, async (context) => {
      const clock = manualClock();
      const { registry, list } = await sourceWithSecrets(context, { auth: { kind: "bearer" }, source: { clock } });
      await list();
      registry.behaviour.intercept = (request, response) => {
        if (request.headers.authorization !== undefined) response.writeHead(status, headers).end();
        else response.end('{"tags":["open"]}');
        return true;
      };
      await clock.advance(31_000);
      assert.deepEqual(await list(), ["open"]);
      assert.deepEqual(await list(), ["open"]);
    });
  }

  /** Refuses the first token that it sees with a status, from when `refuse` is called on. */
  function refusingFirstToken(registry: SimulatedRegistry) {
    let first: string | null = null;
    let status: number | null = null;
    registry.behaviour.intercept = (request, response) => {
      first ??= request.headers.authorization ?? null;
      if (status === null || first === null || request.headers.authorization !== first) return false;
      response.writeHead(status, { "content-type": "application/json" }).end('{"errors":[]}');
      return true;
    };
    return {
      refuse(with_: number) {
        status = with_;
      },
    };
  }

  for (const status of [403, 404]) {
    test(`L1: a token that is older than the right to read, answered with ${status}, is renewed at once`, async (context) => {
      const clock = manualClock();
      const { registry, list } = await sourceWithSecrets(context, { auth: { kind: "bearer" }, source: { clock } });
      const first = refusingFirstToken(registry);
      await list();
      first.refuse(status);
      await clock.advance(31_000);
      assert.deepEqual(await list(), ["a", "b"]);
      assert.equal(registry.tokensIssued, 2);
    });
  }

  test("L1: a refusal that a new token does not change costs one token, not one for each tag", async (context) => {
    const clock = manualClock();
    const { registry, source } = await sourceWithSecrets(context, { auth: { kind: "bearer" }, source: { clock } });
    const tags = Array.from({ length: 20 }, (_, index) => `w_${index}`);
    await source.listTags(unhurried);
    registry.behaviour.intercept = (request, response) => {
      if (request.headers.authorization === undefined || !request.url?.includes("/manifests/")) return false;
      // A HEAD that does not say whose word this is, so that it is asked again by GET.
      const headers = request.method === "HEAD" ? {} : { "content-type": "application/json" };
      response.writeHead(404, headers).end('{"errors":[]}');
      return true;
    };
    await clock.advance(31_000);
    assert.equal((await source.resolveTags(tags, unhurried)).size, 0);
    assert.equal(registry.tokensIssued, 2);
  });

  test("L1: an operation that failed leaves no token to the next, whatever the failure was", async (context) => {
    const { registry, list, failure } = await sourceWithSecrets(context, { auth: { kind: "bearer" } });
    const first = refusingFirstToken(registry);
    await list();
    first.refuse(500);
    await failure(RegistryUnavailableError, /answers 500$/);
    assert.deepEqual(await list(), ["a", "b"]);
    assert.equal(registry.tokensIssued, 2);
  });

  test("L1: an operation that its caller has aborted leaves everything as it is", async (context) => {
    const { registry, list, source } = await sourceWithSecrets(context, { auth: { kind: "bearer" } });
    await list();
    await assert.rejects(source.listTags(AbortSignal.abort(new Error("enough"))), /enough/);
    await list();
    assert.equal(registry.tokensIssued, 1);
  });

  test("L1: an operation that failed leaves no connection to the next, since its address may be another", async (context) => {
    const { registry: old } = await sourceWithFaults(context);
    const moved = await registryWith(context, ["moved"]);
    let target = old.port;
    const sockets = new Set<Socket>();
    const address = createServer((socket) => {
      const upstream = connect(target, "127.0.0.1");
      for (const one of [socket, upstream]) {
        sockets.add(one);
        one.on("error", () => undefined).on("close", () => socket.destroy());
      }
      socket.pipe(upstream).pipe(socket);
    });
    address.listen(0, "127.0.0.1");
    await once(address, "listening");
    context.after(() => {
      address.close();
      for (const socket of sockets) socket.destroy();
    });
    const registry = `127.0.0.1:${(address.address() as AddressInfo).port}`;
    const source = sourceFor(context, { registry, limits: { concurrency: 1 } });
    const list = async () => (await source.listTags(unhurried)).map(({ tag }) => tag);
    assert.deepEqual(await list(), ["a", "b"]);
    target = moved.port;
    // What was there before answers on the connections that are open.
    old.behaviour.intercept = answering(404, {}, "default backend");
    await assert.rejects(list(), /has no repository/);
    assert.deepEqual(await list(), ["moved"]);
  });
});

test("F1: the whole service is right again when an open registry that asked for credentials is open again", async (context) => {
  const registry = await registryWith(context, ["recommended"]);
  const source = { type: "docker", registry: registry.host, repository: REPOSITORY };
  const { serving, tags, registryStatus } = await startServiceOn(context, { source, images: { refreshInterval: 0.2 } });
  await serving();
  for (const challenge of ['Bearer realm="https://127.0.0.1:1/token"', 'Basic realm="a proxy"', "Negotiate"]) {
    registry.behaviour.intercept = answering(401, { "www-authenticate": challenge }, "");
    await eventually(async () => assert.equal((await registryStatus()).ok, false));
    registry.push(REPOSITORY, `after-${challenge.split(" ")[0]}`);
    registry.behaviour.intercept = null;
    await eventually(async () => {
      assert.equal((await registryStatus()).ok, true);
      assert.ok((await tags()).includes(`after-${challenge.split(" ")[0]}`));
    });
  }
});

describe("credentials that are refused", () => {
  test("L1: are read again, though their file looks the same", async (context) => {
    const setting = await sourceWithSecrets(context, {
      auth: { kind: "basic", ...account },
      credentials: { ...account, password: "canary-pessword" },
    });
    const path = setting.credentialsPath ?? "";
    const { atime, mtime } = await stat(path);
    await setting.denied(/refuses the configured credentials/);
    await writeFile(path, JSON.stringify({ auths: { [setting.registry.host]: account } }));
    await utimes(path, atime, mtime);
    assert.deepEqual(await setting.list(), ["a", "b"]);
  });

  test("L1: are not kept of a file that cannot be read", async (context) => {
    const { registry, list, denied, credentialsPath } = await sourceWithSecrets(context, {
      auth: { kind: "basic", ...account },
      credentials: account,
    });
    await list();
    await writeFile(credentialsPath ?? "", "not json");
    assert.deepEqual(await list(), ["a", "b"]);
    registry.setAuth({ kind: "basic", ...account, password: "another" });
    await denied(/refuses the configured credentials/);
    await denied(/^images\.dockerCredentialsPath cannot be read \(the file is not JSON\)$/);
    await writeFile(
      credentialsPath ?? "",
      JSON.stringify({ auths: { [registry.host]: { ...account, password: "another" } } }),
    );
    assert.deepEqual(await list(), ["a", "b"]);
  });
});
