import assert from "node:assert/strict";
import type { LookupAddress } from "node:dns";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { RegistryDeniedError } from "../../src/domain/errors.ts";
import { allowedAddresses, createGuardedConnector } from "../../src/registry/http/guarded-connect.ts";
import { setProxies, startNetworkProxy } from "./network-proxy.ts";
import { registryWith, sourceFor, unhurried } from "./source-under-test.ts";
import { answering } from "./source-with-faults.ts";
import { account, credentialsFile } from "./source-with-secrets.ts";
import { authority, startTlsFront, testFile } from "./tls-front.ts";

/** A token service, and a registry that names it by `realm` and takes its tokens alone. */
async function startWorld(context: TestContext, realm: (port: number) => string) {
  const tokens = await registryWith(context, []);
  const tokenFront = await startTlsFront(context, tokens.port);
  tokens.behaviour.intercept = answering(200, {}, '{"token":"t"}');
  const registry = await registryWith(context, ["a"]);
  registry.behaviour.intercept = (request, response) => {
    if (request.headers.authorization === "Bearer t") return false;
    response.writeHead(401, { "www-authenticate": `Bearer realm="${realm(tokenFront.port)}"` }).end();
    return true;
  };
  const front = await startTlsFront(context, registry.port);
  const caFile = await testFile(context, authority.certificatePem);
  return { tokens, tokenFront, registry, front, caFile };
}

describe("a token service on another host", () => {
  test("F11: is asked for an anonymous token over https, without a cookie or a name", async (context) => {
    const { tokens, front, caFile } = await startWorld(context, (port) => `https://127.0.0.1:${port}/token`);
    const source = sourceFor(context, { registry: `127.0.0.1:${front.port}`, caFile });
    assert.equal((await source.listTags(unhurried)).length, 1);
    const [asked] = tokens.requests;
    assert.equal(asked?.authorization, null);
    assert.match(asked?.path ?? "", /^\/token\?scope=repository%3Alab%2Fsketchbook%3Apull$/);
  });

  test("F11: is asked by its name, through the proxy where there is one", async (context) => {
    const world = await startWorld(context, () => "https://realm.test/token");
    const { tokens, tokenFront, front, caFile } = world;
    const tunnel = (target: string) => (target.startsWith("realm.test") ? tokenFront.port : front.port);
    const proxy = await startNetworkProxy(context, { tunnel });
    setProxies(context, { HTTPS_PROXY: proxy.url });
    const source = sourceFor(context, { registry: "registry.test", caFile });
    assert.equal((await source.listTags(unhurried)).length, 1);
    assert.equal(tokens.requests.length, 1);
  });

  test("F11: is not asked where there are credentials that it could be sent", async (context) => {
    const { tokens, front, caFile } = await startWorld(context, (port) => `https://127.0.0.1:${port}/token`);
    const registry = `127.0.0.1:${front.port}`;
    const credentialsPath = await credentialsFile(context, registry, account);
    const source = sourceFor(context, { registry, caFile, credentialsPath });
    await assert.rejects(source.listTags(unhurried), /another host, .*; images\.source\.tokenHosts does not allow it$/);
    assert.equal(tokens.requests.length, 0);
  });

  for (const host of [
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f.1",
    "localhost",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.0.1",
    "100.64.0.1",
    "169.254.169.254",
    "[fe80::1]",
    "[fd00::1]",
  ]) {
    test(`F11: is not asked at ${host} for a registry elsewhere, unless the configuration lists it`, async (context) => {
      const { tokens, tokenFront, front, caFile } = await startWorld(
        context,
        (port) => `https://${host}:${port}/token`,
      );
      const proxy = await startNetworkProxy(context, { tunnel: () => front.port });
      setProxies(context, { HTTPS_PROXY: proxy.url });
      // Its name is known to the proxy alone, as that of a registry on the internet.
      const source = sourceFor(context, { registry: "registry.test", caFile });
      await assert.rejects(source.listTags(unhurried), (error) => {
        assert.ok(error instanceof RegistryDeniedError, String(error));
        assert.match(
          error.message,
          /a token service on a private address, .*; images\.source\.tokenHosts does not allow it$/,
        );
        return true;
      });
      assert.deepEqual(new Set(proxy.asked), new Set(["CONNECT registry.test:443"]));
      if (host !== "127.0.0.1") return;
      const tokenHosts = [`127.0.0.1:${tokenFront.port}`];
      const allowed = sourceFor(context, { registry: "registry.test", caFile, tokenHosts });
      assert.equal((await allowed.listTags(unhurried)).length, 1);
      assert.equal(tokens.requests.length, 1);
    });
  }
});

describe("names that resolve to private addresses", () => {
  const addresses: Readonly<Record<string, readonly string[]>> = {
    "registry.test": ["203.0.113.1"],
    "inner-registry.test": ["10.0.0.7", "127.0.0.1"],
    "half-inner-registry.test": ["10.0.0.7", "203.0.113.1"],
    "realm.test": ["127.0.0.1"],
    "mixed-realm.test": ["169.254.169.254", "10.0.0.1", "203.0.113.9"],
  };
  const resolve = (host: string): Promise<readonly LookupAddress[]> => {
    const found = addresses[host] ?? (/^[\d.]+$/.test(host) ? [host] : null);
    if (found === null) return Promise.reject(Object.assign(new Error("not found"), { code: "ENOTFOUND" }));
    return Promise.resolve(found.map((address) => ({ address, family: 4 })));
  };

  async function listen(context: TestContext) {
    const sockets: Socket[] = [];
    const server = createServer((socket) => sockets.push(socket));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    context.after(() => {
      server.close();
      for (const socket of sockets) socket.destroy();
    });
    return { sockets, port: (server.address() as AddressInfo).port };
  }

  function connectTo(registryHost: string, hostname: string, port: number): Promise<string> {
    const connect = createGuardedConnector(registryHost, { timeout: 500 }, resolve);
    return new Promise((settle) => {
      connect({ hostname, protocol: "http:", port: String(port) }, (error, socket) => {
        settle(error === null ? `connected to ${socket.remoteAddress}` : `${error.name}: ${error.message}`);
        socket?.destroy();
      });
    });
  }

  test("F11: are not connected to for a registry elsewhere, or one whose name is not known", async (context) => {
    const { sockets, port } = await listen(context);
    for (const registry of ["registry.test", "half-inner-registry.test", "unknown.test", "203.0.113.1"]) {
      for (const realm of ["realm.test", "127.0.0.1"]) {
        const outcome = await connectTo(registry, realm, port);
        assert.match(outcome, /^RegistryDeniedError: .* on a private address, (?:realm\.test|127\.0\.0\.1); /);
      }
    }
    assert.equal(sockets.length, 0);
  });

  test("F11: are connected to for a registry on such addresses", async (context) => {
    const { port } = await listen(context);
    for (const registry of ["inner-registry.test", "127.0.0.1", "10.0.0.7"]) {
      assert.equal(await connectTo(registry, "realm.test", port), "connected to 127.0.0.1");
      assert.equal(await connectTo(registry, "127.0.0.1", port), "connected to 127.0.0.1");
    }
  });

  test("F11: are left out where the name has public addresses as well", async () => {
    const found = await allowedAddresses("mixed-realm.test", "registry.test", resolve);
    assert.deepEqual(
      found.map(({ address }) => address),
      ["203.0.113.9"],
    );
    await assert.rejects(allowedAddresses("unknown.test", "registry.test", resolve), { code: "ENOTFOUND" });
  });
});
